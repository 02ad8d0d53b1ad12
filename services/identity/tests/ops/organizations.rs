//! What tenant does to organisations: suspended and deleted ones shut their branch out, moved ones start afresh.

use fault::Reason;
use identity::domain::evaluation::Demand;
use identity::domain::organization::OrganizationChange;
use identity::ops::{OpenedSession, VerifyMfa, apply_organization_change};
use proto::events::event::Payload;
use types::{AuthSource, OrganizationPath, Password, Role};
use wire::{OrganizationFacts, OrganizationState};

use crate::support::{Bench, PASSWORD, lives, organization, origin, refresh};

const LOGIN: &str = "ada@company.example";

async fn apply(bench: &Bench, facts: OrganizationFacts, change: Option<OrganizationChange>) {
    let now = bench.now();
    bench.tenant.set(facts.clone());
    bench
        .identity
        .store
        .bookkeeping("follow", (facts, change, now), |unit, (facts, change, now)| {
            Box::pin(apply_organization_change(unit, facts, *change, *now))
        })
        .await
        .unwrap();
}

async fn suspend(bench: &Bench, path: &OrganizationPath, name: &str, version: i64) {
    let facts = organization(path, name, OrganizationState::Inactive, version);
    apply(bench, facts, Some(OrganizationChange::Suspended)).await;
}

async fn resume(bench: &Bench, path: &OrganizationPath, name: &str, version: i64) {
    apply(bench, organization(path, name, OrganizationState::Active, version), None).await;
}

/// What identity said that it ended.
async fn ended(bench: &Bench) -> Vec<(String, i64, i64, i64)> {
    let applied = |event: proto::events::Event| match event.payload {
        Some(Payload::OrganizationChangeApplied(applied)) => {
            let counts = (applied.ended_sessions, applied.ended_sign_ins, applied.deleted_users);
            Some((applied.change, counts.0, counts.1, counts.2))
        }
        _ => None,
    };
    bench.events().await.into_iter().filter_map(applied).collect()
}

async fn reseller_user(bench: &Bench) -> OpenedSession {
    let (role, local) = (Role::ResellerAdmin, AuthSource::Local);
    bench.user_with("rita@reseller.example", &bench.reseller, role, local).await;
    bench.complete("rita@reseller.example").await
}

#[tokio::test]
async fn a_suspended_reseller_shuts_its_companies_out_until_it_is_resumed() {
    let bench = Bench::new().await;
    bench.user(LOGIN).await;
    let rita = reseller_user(&bench).await;
    let ada = bench.complete(LOGIN).await;
    let token = bench.pending(LOGIN, Demand::Verify).await;
    let (role, local) = (Role::ProviderAdmin, AuthSource::Local);
    bench.user_with("root@provider.example", &bench.provider, role, local).await;
    bench.mfa.demand(Demand::None);
    let root = bench.complete("root@provider.example").await;

    suspend(&bench, &bench.reseller, "reseller", 2).await;
    assert!(!lives(&bench, &ada).await && !lives(&bench, &rita).await);
    assert!(lives(&bench, &root).await);
    assert_eq!(refresh(&bench, &ada).await.unwrap_err().reason(), Reason::RefreshRefused);
    let code = "123456".parse().unwrap();
    let late = VerifyMfa { sign_in_token: Some(token), code, key: None, origin: origin() };
    assert_eq!(bench.identity.verify_mfa(late).await.unwrap_err().reason(), Reason::SignInRefused);
    for login in [LOGIN, "rita@reseller.example"] {
        assert_eq!(bench.start(login, PASSWORD).await.unwrap_err().reason(), Reason::SignInRefused);
    }
    assert_eq!(ended(&bench).await, [("suspended".to_owned(), 2, 1, 0)]);
    assert_eq!(bench.count("SELECT count(*) FROM session WHERE end_cause = 'organization_changed'").await, 2);
    // The company itself is active all the while.
    assert_eq!(bench.count("SELECT count(*) FROM organization WHERE state = 'suspended'").await, 1);

    // Again: nothing more ends, nothing is said.
    suspend(&bench, &bench.reseller, "reseller", 2).await;
    assert_eq!(ended(&bench).await.len(), 1);

    resume(&bench, &bench.reseller, "reseller", 3).await;
    assert!(!lives(&bench, &ada).await, "what ended does not come back");
    bench.complete(LOGIN).await;
}

#[tokio::test]
async fn a_suspension_that_came_by_another_way_first_still_ends_what_is_open() {
    let bench = Bench::new().await;
    bench.user(LOGIN).await;
    let session = bench.complete(LOGIN).await;
    // As when a user is created: on facts that tenant told a moment ago.
    bench.project(&organization(&bench.company, "company", OrganizationState::Inactive, 2)).await;
    assert!(!lives(&bench, &session).await);
    suspend(&bench, &bench.company, "company", 2).await;
    assert_eq!(ended(&bench).await, [("suspended".to_owned(), 1, 0, 0)]);
}

#[tokio::test]
async fn a_sign_in_that_waits_while_its_reseller_is_suspended_opens_nothing() {
    let bench = Bench::new().await;
    bench.user(LOGIN).await;
    let reseller = bench.reseller.organization_id();
    // What following tenant does, held just before its commit.
    let following = bench.database.service().await;
    let suspending = format!(
        "BEGIN;
         UPDATE organization SET state = 'suspended', version = 2 WHERE organization_id = '{reseller}';
         SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.policy_floor {reseller}', 0))"
    );
    following.batch_execute(&suspending).await.unwrap();
    let replica = bench.replica();
    let command = identity::ops::StartSignIn {
        login: LOGIN.parse().ok(),
        password: Password::parse(PASSWORD).unwrap(),
        origin: origin(),
    };
    let started = tokio::spawn(async move { replica.start_sign_in(command).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while bench.count(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    following.batch_execute("COMMIT").await.unwrap();
    assert_eq!(started.await.unwrap().unwrap_err().reason(), Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn the_users_of_a_moved_company_sign_in_again_below_the_new_reseller() {
    let bench = Bench::new().await;
    bench.user(LOGIN).await;
    let rita = reseller_user(&bench).await;
    let session = bench.complete(LOGIN).await;
    let other = bench.provider.child(types::OrganizationId::generate()).unwrap();
    apply(&bench, organization(&other, "other", OrganizationState::Active, 1), None).await;
    let path = other.child(bench.company.organization_id()).unwrap();
    let moved = organization(&path, "company", OrganizationState::Active, 2);
    apply(&bench, moved, Some(OrganizationChange::Moved)).await;
    assert!(!lives(&bench, &session).await && lives(&bench, &rita).await);
    let again = bench.complete(LOGIN).await;
    let standing = bench.identity.introspect_token(&again.access_token.text).await.unwrap().unwrap();
    assert_eq!(standing.organization.path, path);
    // From now on the new reseller's suspension counts, and the old one's does not.
    suspend(&bench, &bench.reseller, "reseller", 2).await;
    assert!(lives(&bench, &again).await);
    suspend(&bench, &other, "other", 2).await;
    assert!(!lives(&bench, &again).await);
}

#[tokio::test]
async fn a_deleted_companys_users_are_erased_and_their_logins_free() {
    let bench = Bench::new().await;
    let ada = bench.user(LOGIN).await;
    let (role, external) = (Role::CompanyUser, AuthSource::External);
    bench.user_with("eve@company.example", &bench.company, role, external).await;
    let rita = reseller_user(&bench).await;
    let session = bench.complete(LOGIN).await;
    let gone = OrganizationFacts {
        realms: Vec::new(),
        ..organization(&bench.company, "company", OrganizationState::Deleted, 2)
    };
    apply(&bench, gone.clone(), Some(OrganizationChange::Deleted)).await;
    assert!(!lives(&bench, &session).await && lives(&bench, &rita).await);
    bench.start(LOGIN, PASSWORD).await.unwrap_err();
    crate::external::assert(&bench, "eve@company.example", &[]).await.unwrap_err();
    assert_eq!(ended(&bench).await, [("deleted".to_owned(), 1, 0, 2)]);
    let left = "SELECT count(*) FROM user_account
        WHERE state = 'deleted' AND login = 'deleted-' || user_id || '@deleted.invalid' AND version = 2";
    assert_eq!(bench.count(left).await, 2);
    assert_eq!(bench.identity.resolve_user(ada).await.unwrap_err().reason(), Reason::NotFound);
    apply(&bench, gone, Some(OrganizationChange::Deleted)).await;
    assert_eq!(ended(&bench).await.len(), 1);
}

#[tokio::test]
async fn what_the_copy_lacks_of_the_tree_is_asked_for_and_never_assumed() {
    let bench = Bench::new().await;
    bench.user(LOGIN).await;
    bench.execute("DELETE FROM organization WHERE kind = 'reseller'").await;
    bench.tenant.set(organization(&bench.reseller, "reseller", OrganizationState::Inactive, 2));
    assert_eq!(bench.start(LOGIN, PASSWORD).await.unwrap_err().reason(), Reason::SignInRefused);
    bench.execute("DELETE FROM organization WHERE kind = 'reseller'").await;
    bench.tenant.set(organization(&bench.reseller, "reseller", OrganizationState::Active, 3));
    let session = bench.complete(LOGIN).await;
    // A session whose branch is not known to be active is worth nothing until it is known, and does not end of that.
    let reseller = bench.tenant.get(bench.reseller.organization_id());
    bench.tenant.forget(bench.reseller.organization_id());
    bench.execute("DELETE FROM organization WHERE kind = 'reseller'").await;
    assert!(!lives(&bench, &session).await);
    assert_eq!(refresh(&bench, &session).await.unwrap_err().reason(), Reason::DependencyUnavailable);
    bench.tenant.set(reseller);
    let session = refresh(&bench, &session).await.unwrap();
    assert!(lives(&bench, &session).await);
}
