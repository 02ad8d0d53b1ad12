//! Running services tell over HTTP why they are not ready, each reason for itself; and they end as they promise: what is under way
//! is answered, and what hangs holds nobody up.
//!
//! That a schema is missing, and the order of the steps of an end, is held in `services/tenant/tests/program.rs`.

#![expect(clippy::expect_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::fs;
use std::time::Duration;

use countersign_tests::ops::{fails, is_ready};
use proto::tenant::{GetOrganizationRequest, Organization, UpdateOrganizationRequest};
use rcgen::{CertificateParams, KeyPair};
use testkit::{Console, TestSystem, Tree, as_user};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::Status;
use types::ServiceName;

use ServiceName::{Identity, Mfa, Tenant};

/// How long calls under way may take once a service of a test system is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_keys_followers_log_and_certificates_are_told_each_with_its_reason() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    for service in [Tenant, Identity, Mfa] {
        is_ready(&system, service).await;
    }
    system.identity_database.shut_out().await;
    fails(&system, Identity, "database", "the database does not answer").await;
    system.identity_database.let_in().await;
    is_ready(&system, Identity).await;

    // Started without its database, it cannot know yet whether the keys fit what is stored there.
    system.stop_mfa(0).await;
    system.mfa_database.shut_out().await;
    system.restart_mfa(0).await;
    fails(&system, Mfa, "keys", "not known yet").await;
    system.mfa_database.let_in().await;
    is_ready(&system, Mfa).await;

    // An event that mfa cannot apply.
    let rows = system.mfa_database.owner().await;
    let refuse = "ALTER TABLE organization ADD CONSTRAINT no_such_name CHECK (name <> 'unspeakable')";
    rows.batch_execute(refuse).await.unwrap();
    system.console.create_reseller(&tree.provider_session, "unspeakable", false).await.unwrap();
    fails(&system, Mfa, "followers", "(tenant.organization.created)").await;
    rows.batch_execute("ALTER TABLE organization DROP CONSTRAINT no_such_name").await.unwrap();
    is_ready(&system, Mfa).await;

    // A database that looks like a restored one.
    let rows = system.tenant_database.owner().await;
    rows.batch_execute("UPDATE log_epoch SET system_identifier = 1").await.unwrap();
    system.tenant_database.shut_out().await;
    system.tenant_database.let_in().await;
    fails(&system, Tenant, "log", "must be re-baselined").await;

    // A certificate that has ended takes the place of the good one.
    let files = system.certificate_of("identity");
    let key = KeyPair::generate().unwrap();
    let mut ended = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    ended.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(2);
    ended.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    fs::write(&files.key, key.serialize_pem()).unwrap();
    fs::write(&files.cert, ended.self_signed(&key).unwrap().pem()).unwrap();
    fails(&system, Identity, "certificates", "certificate ended at").await;
}

/// A call that is answered when the organisation's row, which somebody holds, is free. It names no request id: no client of ours
/// makes it again.
fn update(console: &Console, tree: &Tree, name: &str) -> JoinHandle<Result<Organization, Status>> {
    let request = UpdateOrganizationRequest {
        organization_id: tree.company.id.clone(),
        name: name.to_owned(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".to_owned()] }),
        ..UpdateOrganizationRequest::default()
    };
    let (mut tenants, request) = (console.tenants.clone(), as_user(&tree.reseller_session, request));
    tokio::spawn(async move {
        Ok(tenants.update_organization(request).await?.into_inner().organization.expect("an organisation"))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_is_answered_and_one_that_hangs_does_not_hold_up_the_end() {
    let mut system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let holder = system.tenant_database.owner().await;
    let hold =
        format!("BEGIN; SELECT 1 FROM organization WHERE organization_id = '{}' FOR UPDATE", tree.company.id);
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
    for (round, released) in [("answered", true), ("hanging", false)] {
        is_ready(&system, Tenant).await;
        let console = system.console_of(0);
        let serves = async || {
            let request = GetOrganizationRequest { organization_id: tree.company.id.clone() };
            let request = as_user(&tree.reseller_session, request);
            console.tenants.clone().get_organization(request).await.is_ok()
        };
        system.eventually("it serves", serves).await;
        holder.batch_execute(&hold).await.unwrap();
        let call = update(&console, &tree, round);
        let is_under_way = async || holder.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) > 0;
        system.eventually("the call is under way", is_under_way).await;
        let address = system.address(0, Tenant);
        let told = Instant::now();
        let release = async {
            // Told to stop it takes no more connections: from now on the end waits for the call alone.
            while TcpStream::connect(address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if released {
                holder.batch_execute("ROLLBACK").await.unwrap();
            }
        };
        tokio::join!(system.stop_tenant(0), release);
        let took = told.elapsed();
        let answer = call.await.unwrap();
        if released {
            assert_eq!(answer.expect("it was under way").name, round);
        } else {
            holder.batch_execute("ROLLBACK").await.unwrap();
            let refused = answer.expect_err("nobody could answer it");
            assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused:?}");
            assert!(took >= DRAIN, "it was cut off after {took:?}");
        }
        assert!(took < 2 * DRAIN, "{round}: it took {took:?}");
        system.restart_tenant(0).await;
    }
}
