//! Certificates, the authority that issues them, keyrings and the key that signs tokens are all exchanged while people sign in,
//! verify codes and refresh on two replicas of everything: no call fails, and none is repeated.
//!
//! Last, every replica is started anew from what lies there then; for that, and only that, clients may repeat what
//! `docs/clients.md` lets them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod certificates;
mod load;

use std::fs;
use std::time::Duration;

use countersign_tests::Person;
use keyring::Keyring;
use testkit::{TestSystem, Tree};
use tokio::process::Command;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use types::ServiceName;

use certificates::{Authority, admits, shows};
use load::Load;

const REPLICAS: usize = 2;
const PEOPLE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_secret_is_exchanged_under_load_without_one_failed_call() {
    let mut system = TestSystem::with_replicas(REPLICAS).await;
    let tree = Tree::plant(&system).await;
    let people = Person::enrolled(&system, &tree, PEOPLE).await;
    for (replica, service) in everyone() {
        until_ready(&system, replica, service).await;
    }
    let load = Load::start(system.consoles(), system.clock.clone(), people, tree.company.id.clone());
    load.flows().await;

    renew_certificates(&system, &load).await;
    change_authority(&system, &load).await;
    rotate_keyrings(&system, &load).await;
    rotate_signing_key(&system, &load).await;

    load.may_repeat();
    for (replica, service) in everyone() {
        system.stop(replica, service).await;
        load.flows().await;
        system.restart(replica, service).await;
        until_ready(&system, replica, service).await;
    }
    load.flows().await;
    let (rounds, seen) = load.end().await;
    assert!(rounds > 40, "{rounds}");
    assert!(seen.outlived > 0, "a token of the earlier key was shown while the next one signed");
    assert!(seen.expired > 10, "{}", seen.expired);
}

fn everyone() -> impl Iterator<Item = (usize, ServiceName)> {
    (0..REPLICAS).flat_map(|replica| ServiceName::ALL.iter().map(move |service| (replica, *service)))
}

/// New certificates from the same authority: all servers show them, with nothing started anew.
async fn renew_certificates(system: &TestSystem, load: &Load) {
    let place = system.certificates_dir();
    Authority::of(&place).put_into(&place);
    show_what_lies_there(system).await;
    load.flows().await;
}

/// Another authority, in the three steps of `docs/operating.md`: trust both, take the new one's certificates, trust it alone.
async fn change_authority(system: &TestSystem, load: &Load) {
    let place = system.certificates_dir();
    let (old, new) = (Authority::of(&place), Authority::new());
    let trusted = place.join("ca.crt");
    let of_new = fs::read(new.certificate()).unwrap();
    let both = [fs::read(&trusted).unwrap(), of_new.clone()].concat();

    fs::write(&trusted, both).unwrap();
    let (of_both, old_trust) = (trusted.clone(), old.certificate());
    for (replica, service) in everyone() {
        let server = system.address_of(replica, service);
        admits(server, service.as_str(), &new.operator(&of_both), true).await;
        admits(server, service.as_str(), &old.operator(&old_trust), true).await;
    }
    load.flows().await;

    new.put_into(&place);
    show_what_lies_there(system).await;
    load.flows().await;

    fs::write(&trusted, of_new).unwrap();
    for (replica, service) in everyone() {
        let server = system.address_of(replica, service);
        admits(server, service.as_str(), &old.operator(&new.certificate()), false).await;
        admits(server, service.as_str(), &new.operator(&new.certificate()), true).await;
    }
    load.flows().await;
}

async fn show_what_lies_there(system: &TestSystem) {
    for (replica, service) in everyone() {
        let own = system.certificates_dir().join(format!("{service}.crt"));
        shows(system.address_of(replica, service), &own).await;
    }
}

/// Every service's secrets are sealed under a fresh key. Answers that are kept for a repetition are waited for: ten minutes of
/// the system's clock.
async fn rotate_keyrings(system: &TestSystem, load: &Load) {
    for service in [ServiceName::Mfa, ServiceName::Identity, ServiceName::Tenant] {
        let directory = system.keyring_dir(service);
        let mut arguments = vec!["rotate".to_owned(), "--dir".to_owned(), directory.display().to_string()];
        arguments.extend(system.key_arguments());
        let told = keys(&arguments).await;
        assert!(told.contains("is sealed under k2"), "{told}");
        assert_eq!(Keyring::load(&directory).unwrap().primary().as_str(), "k2");
        load.flows().await;
    }
}

/// The next key is published, signs when whoever keeps the published ones has it, and the one before goes after its last token.
/// That none of this comes too early, the load looks at by itself.
async fn rotate_signing_key(system: &TestSystem, load: &Load) {
    load.until("one key is published", 10, |seen| seen.published.len() == 1).await;
    let identity = system.address_of(0, ServiceName::Identity).to_string();
    let mut arguments = vec!["rotate-signing-key".to_owned(), "--identity-addr".to_owned(), identity];
    // Behind the addresses come the certificates.
    arguments.extend_from_slice(&system.operator_arguments()[4..]);
    let told = keys(&arguments).await;
    load.until("both keys are published", 30, |seen| seen.published.len() == 2).await;
    load.until("the next key signs", 120, |seen| told.contains(&seen.signing)).await;
    load.until("the earlier key is gone", 180, |seen| seen.published == [seen.signing.clone()]).await;

    let owner = system.identity_database.owner().await;
    let sql = "SELECT type FROM event WHERE type LIKE 'identity.signing_key.%' ORDER BY seq";
    let events: Vec<String> = owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let [created, retired] = ["created", "retired"].map(|what| format!("identity.signing_key.{what}"));
    assert_eq!(events, [created.clone(), created, retired]);
}

/// What `countersign keys …` says; it must succeed.
async fn keys(arguments: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.arg("keys").args(arguments).output().await.unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Waits as a cluster does before it goes on to the next.
async fn until_ready(system: &TestSystem, replica: usize, service: ServiceName) {
    let index = ServiceName::ALL.iter().position(|one| *one == service).unwrap();
    let mut health = HealthClient::new(system.channels_of(replica, "operator")[index].clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let answer = health.check(HealthCheckRequest { service: String::new() }).await;
        if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "replica {replica} of {service} is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
