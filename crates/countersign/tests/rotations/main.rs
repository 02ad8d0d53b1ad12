//! Certificates, the authority that issues them, keyrings and the key that signs tokens are all exchanged while people sign in,
//! verify codes and refresh on two replicas of everything: no call fails, and none is repeated.
//!
//! Once with a clock that is moved, so that the signing key goes all its way; once with every replica a process. Last, every
//! replica is started anew from what lies there then; for that, and only that, clients may repeat what `docs/clients.md` lets them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod certificates;
mod load;
mod place;
#[path = "../operated/running.rs"]
#[expect(dead_code, reason = "the tests of operating use the rest of it")]
mod running;

use std::time::Duration;

use countersign_tests::Person;
use proto::common::Role;
use proto::identity::NextStep;
use rpc::TlsFiles;
use testkit::{Authenticator, Console, Consoles, PASSWORD, TestSystem, Tree};
use time::OffsetDateTime;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use types::ServiceName;

use certificates::shows;
use load::{Load, Time};
use place::{Place, REPLICAS};
use running::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_secret_is_exchanged_under_load_without_one_failed_call() {
    let mut system = TestSystem::with_replicas(REPLICAS).await;
    let tree = Tree::plant(&system).await;
    let people = Person::enrolled(&system, &tree, 6).await;
    for (replica, service) in everyone() {
        until_ready(&system, replica, service).await;
    }
    let time = Time::Steered(system.clock.clone());
    let load = Load::start(system.consoles(), time, people, tree.company.id.clone());
    load.flows().await;
    let place = Place::of_system(&system);
    place.renew_certificates(&load).await;
    place.change_authority(&load).await;
    place.rotate_keyrings(&load, None).await;

    // The next key signs when whoever keeps the published ones has it, and the one before goes after its last token. That none of
    // this comes too early, the load looks at by itself.
    let told = place.publish_signing_key(&load).await;
    load.until("the next key signs", 180, |seen| told.contains(&seen.signing)).await;
    load.until("the earlier key is gone", 180, |seen| seen.published == [seen.signing.clone()]).await;
    let owner = system.identity_database.owner().await;
    let sql = "SELECT type FROM event WHERE type LIKE 'identity.signing_key.%' ORDER BY seq";
    let events: Vec<String> = owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let [created, retired] = ["created", "retired"].map(|what| format!("identity.signing_key.{what}"));
    assert_eq!(events, [created.clone(), created, retired]);

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

/// How long a process may take to end: five seconds for calls under way, which `up` sets, and five more.
const END: Duration = Duration::from_secs(10);
/// More than there are seconds in a time step: somebody signs in every second, each in another step than the last time.
const PEOPLE: usize = 31;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_take_new_certificates_and_keys_under_load_without_one_failed_call() {
    let mut running = Running::start_with(&["--replicas", &REPLICAS.to_string()], &[]).await;
    let place = Place::of_processes(&running);
    let file = |key: &str| running.get(key).into();
    let tls = TlsFiles { ca: file("CA_CERT"), cert: file("CONSOLE_CERT"), key: file("CONSOLE_KEY") };
    let consoles =
        Consoles::of(tls, place.servers.map(|servers| servers.map(|one| one.to_string()).to_vec()));
    let company_id = running.get("COMPANY_A2_ID").to_owned();
    let people = enrolled(&consoles.fresh().unwrap(), &running, &company_id).await;
    let load = Load::start(consoles, Time::Machine, people, company_id);
    load.flows().await;
    place.renew_certificates(&load).await;
    place.change_authority(&load).await;
    place.rotate_keyrings(&load, Some("15")).await;
    place.publish_signing_key(&load).await;

    load.may_repeat();
    for replica in ["", "-1"] {
        for (index, service) in ServiceName::ALL.iter().enumerate() {
            let server = place.servers[index][usize::from(!replica.is_empty())];
            running.end_one(&format!("{service}{replica}"), END).await;
            // It is started again by itself.
            let own = std::path::Path::new(running.get("CA_CERT")).with_file_name(format!("{service}.crt"));
            shows(server, &own).await;
            load.flows().await;
        }
    }
    let (rounds, _) = load.end().await;
    assert!(rounds > 15, "{rounds}");
    running.stop().await;
}

/// Users of a company, enrolled with the code of the step before the present one.
async fn enrolled(console: &Console, running: &Running, company_id: &str) -> Vec<Person> {
    let get = |key: &str| running.get(&format!("RESELLER_A_ADMIN_{key}")).to_owned();
    let authenticator = Authenticator::new(&get("TOTP_SECRET"));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    let reseller = loop {
        let started = console.start_with(&get("LOGIN"), &get("PASSWORD")).await.unwrap();
        // The codes of the present steps were perhaps used when the demo was made: the next one was not.
        let code = authenticator.code(OffsetDateTime::now_utc());
        if let Ok(session) = console.verify(&started.sign_in_token, &code).await {
            break session;
        }
        assert!(tokio::time::Instant::now() < deadline, "no code is accepted");
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    let realm = running.get("COMPANY_A2_ADMIN_LOGIN").split_once('@').unwrap().1;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let login = format!("user{number}@{realm}");
        let created = console.create_user(&reseller, company_id, &login, Role::CompanyUser, true).await;
        let started = console.start_with(&login, PASSWORD).await.unwrap();
        assert_eq!(started.next_step(), NextStep::EnrollMfa);
        let now = OffsetDateTime::now_utc();
        let (authenticator, _) = console.enrol(&started.sign_in_token, "", now).await.unwrap();
        people.push(Person { login, user_id: created.unwrap().id, authenticator });
    }
    people
}
