//! `countersign keys`: generating, rotating under traffic, retiring, looking.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod command;
mod traffic;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use keyring::{KeyDirectory, Keyring};
use proto::identity::NextStep;
use testkit::{ADMIN_LOGIN, Authenticator, PROVIDER_LOGIN, TestDatabase, TestSystem, Tree};
use types::ServiceName;

use command::Command;
use traffic::{Traffic, newcomers};

/// How many secrets of each column are sealed under each key.
async fn sealed(database: &TestDatabase, columns: &[(&str, &str)]) -> BTreeMap<String, i64> {
    let owner = database.owner().await;
    let mut counts = BTreeMap::new();
    for (table, column) in columns {
        let sql = format!("SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1");
        for row in owner.query(&sql, &[]).await.unwrap() {
            *counts.entry(row.get(0)).or_insert(0) += row.get::<_, i64>(1);
        }
    }
    counts
}

const OF_MFA: &[(&str, &str)] = &[
    ("factor", "sealed_under"),
    ("recovery_codes", "sealed_under"),
    ("pending_enrollment", "sealed_under"),
    ("pending_enrollment", "recovery_sealed_under"),
];
const OF_IDENTITY: &[(&str, &str)] = &[("signing_key", "sealed_under")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_and_retired_under_traffic_without_one_failed_call() {
    let system = Arc::new(TestSystem::with_replicas(2).await);
    let tree = Tree::plant(&system).await;
    let newcomers = newcomers(&system, &tree).await;
    // Somebody who has seen the recovery codes, and says that they are saved when all is over.
    let slow = system.console.start(&newcomers[0]).await.unwrap().sign_in_token;
    let begun = system.console.begin(&slow, "").await.unwrap();
    let phone = Authenticator::new(&begun.secret_base32);
    system.console.confirm(&slow, &phone.code(system.now())).await.unwrap();

    let traffic = Traffic::start(&system, &newcomers[1..]).await;
    traffic.flows().await;
    for service in [ServiceName::Mfa, ServiceName::Identity, ServiceName::Tenant] {
        let rotated = Command::of(&system, service, &["rotate"]).run().await;
        assert!(rotated.succeeded, "{}", rotated.printed);
        for line in [
            "k2 is there, and not primary yet",
            "k2 is primary",
            "is sealed under k2",
            "not used any more: k1",
        ] {
            assert!(rotated.printed.contains(line), "{line}: {}", rotated.printed);
        }
        traffic.flows().await;
    }
    for service in [ServiceName::Mfa, ServiceName::Identity, ServiceName::Tenant] {
        // A place in a log where nothing happens is made anew within five seconds.
        let old = format!("{service}'s k1");
        let is_renewed =
            || async { !Command::of(&system, service, &["status"]).run().await.printed.contains(&old) };
        system.eventually("no follower needs the old key", is_renewed).await;
        let retired = Command::of(&system, service, &["rotate", "--retire"]).run().await;
        assert!(retired.succeeded, "{}", retired.printed);
        assert!(
            retired.printed.contains(&format!("no replica of {service} holds k1")),
            "{}",
            retired.printed
        );
        let keyring = Keyring::load(&system.keyring_dir(service)).unwrap();
        assert_eq!(keyring.key_ids(), [keyring.primary()]);
        traffic.flows().await;
    }
    let done = traffic.stop().await;
    assert!(done.failed.is_empty(), "{:?}", done.failed);
    assert!(done.sign_ins > 10 && done.refreshes > 10 && done.enrollments > 3, "{done:?}");

    for (database, columns) in [(&system.mfa_database, OF_MFA), (&system.identity_database, OF_IDENTITY)] {
        let counts = sealed(database, columns).await;
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["k2"], "{counts:?}");
    }
    // Everything still opens: what was half-way before it began, too.
    system.console.acknowledge(&slow).await.unwrap();
    assert_eq!(
        resealed(&system, &tree).await,
        ["factor", "pending_enrollment", "recovery_codes", "signing_key"]
    );
    let status = Command::of(&system, ServiceName::Mfa, &["status"]).run().await;
    assert!(status.succeeded && !status.printed.contains("k1"), "{}", status.printed);
}

/// Where identity is in tenant's log.
async fn position(system: &TestSystem) -> i64 {
    let owner = system.identity_database.owner().await;
    owner.query_one("SELECT position FROM log_cursor WHERE log = 'tenant'", &[]).await.unwrap().get(0)
}

/// The tables of the events that say so, of both logs.
async fn resealed(system: &TestSystem, tree: &Tree) -> Vec<String> {
    let started = system.console.start(PROVIDER_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    let code = tree.provider_authenticator.code(system.now());
    let session = system.console.verify(&started.sign_in_token, &code).await.unwrap();
    let mut tables = Vec::new();
    for (log, event_type) in [
        (&system.console.mfa_events, "mfa.secret.resealed"),
        (&system.console.identity_events, "identity.secret.resealed"),
    ] {
        let request = proto::events::ListEventsRequest {
            types: vec![event_type.to_owned()],
            page_size: 500,
            ..proto::events::ListEventsRequest::default()
        };
        let request = testkit::as_user(&session, request);
        let events = log.clone().list_events(request).await.unwrap().into_inner().events;
        for event in events {
            assert_eq!(event.organization_id, tree.provider_id);
            assert_eq!(event.subject.unwrap().id, "k2");
            let payload = match event.payload {
                Some(proto::events::event::Payload::SecretsResealed(payload)) => payload,
                _ => Default::default(),
            };
            assert!(payload.rows > 0 && payload.key_id == "k2", "{payload:?}");
            tables.push(payload.table);
        }
    }
    tables.sort();
    tables.dedup();
    tables
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_does_not_open_keeps_its_key_and_is_no_enrolment() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = tree.enrolled_admin(&system).await;
    let owner = system.mfa_database.owner().await;
    let spoil =
        "UPDATE factor SET sealed_secret = set_byte(sealed_secret, 70, get_byte(sealed_secret, 70) # 1)
        WHERE user_id = $1::text::uuid";
    assert_eq!(owner.execute(spoil, &[&tree.admin.id]).await.unwrap(), 1);

    let rotated = Command::of(&system, ServiceName::Mfa, &["rotate", "--patience", "8"]).run().await;
    assert!(!rotated.succeeded, "{}", rotated.printed);
    assert!(rotated.printed.contains("1 under k1"), "{}", rotated.printed);
    let again = Command::of(&system, ServiceName::Mfa, &["rotate", "--patience", "0"]).run().await;
    assert!(again.printed.contains("taking up the rotation to k2"), "{}", again.printed);
    let retired = Command::of(&system, ServiceName::Mfa, &["rotate", "--retire"]).run().await;
    assert!(
        !retired.succeeded && retired.printed.contains("1 secrets are sealed under it"),
        "{}",
        retired.printed
    );
    let keys = sealed(&system.mfa_database, &[("factor", "sealed_under")]).await;
    assert_eq!(keys.keys().collect::<Vec<_>>(), ["k1", "k2"]);

    system.clock.advance(time::Duration::seconds(30));
    let started = system.console.start(ADMIN_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    let code = authenticator.code(system.now());
    assert!(system.console.verify(&started.sign_in_token, &code).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_goes_on_where_it_was_cut_off_and_waits_for_every_replica() {
    let system = TestSystem::start().await;
    let path = system.keyring_dir(ServiceName::Mfa);
    KeyDirectory::open(&path).unwrap().begin().unwrap();
    let made = fs::read(path.join("k2.key")).unwrap();
    let rotated = Command::of(&system, ServiceName::Mfa, &["rotate"]).run().await;
    assert!(rotated.succeeded, "{}", rotated.printed);
    assert_eq!(fs::read(path.join("k2.key")).unwrap(), made, "the same key");

    // A copy that was not brought to the replicas.
    let copy = tempfile::tempdir().unwrap();
    for name in ["k1.key", "k2.key", "primary"] {
        fs::copy(path.join(name), copy.path().join(name)).unwrap();
    }
    let rotate = ["rotate", "--patience", "0"];
    let waits = Command::of(&system, ServiceName::Mfa, &rotate).on(copy.path()).run().await;
    assert!(!waits.succeeded && waits.printed.contains("k3 is not held by mfa"), "{}", waits.printed);
    let keyring = Keyring::load(copy.path()).unwrap();
    assert_eq!((keyring.primary().as_str(), keyring.key_ids().len()), ("k2", 3));
    // Brought there, it goes on.
    for name in ["k3.key", "next"] {
        fs::copy(copy.path().join(name), path.join(name)).unwrap();
    }
    let rotate =
        Command::of(&system, ServiceName::Mfa, &["rotate", "--patience", "20"]).on(copy.path()).start();
    system
        .eventually("the copy says k3", || async {
            fs::read_to_string(copy.path().join("primary")).unwrap().trim() == "k3"
        })
        .await;
    fs::write(path.join("primary"), "k3\n").unwrap();
    let rotated = rotate.await.unwrap();
    assert!(
        rotated.succeeded && rotated.printed.contains("k3 is not used yet by mfa"),
        "{}",
        rotated.printed
    );

    let foreign = tempfile::tempdir().unwrap();
    Keyring::create(foreign.path()).unwrap();
    let refused = Command::of(&system, ServiceName::Mfa, &["rotate"]).on(foreign.path()).run().await;
    assert!(!refused.succeeded, "{}", refused.printed);
    assert!(refused.printed.contains("none of these replicas holds a key"), "{}", refused.printed);
    assert_eq!(Keyring::load(foreign.path()).unwrap().key_ids().len(), 1, "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again_after_a_rotation_and_keeps_its_key_until_it_is_dead() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = tree.enrolled_admin(&system).await;
    let started = system.console.start(ADMIN_LOGIN).await.unwrap();
    let request = proto::identity::VerifyMfaRequest {
        sign_in_token: started.sign_in_token,
        code: authenticator.code(system.now()),
        request_id: uuid::Uuid::now_v7().to_string(),
    };
    let verify =
        async || system.console.sign_ins.clone().verify_mfa(request.clone()).await.unwrap().into_inner();
    let first = verify().await;
    let rotate = ["rotate", "--patience", "4"];
    for service in [ServiceName::Mfa, ServiceName::Identity] {
        let rotated = Command::of(&system, service, &rotate).run().await;
        assert!(rotated.printed.contains("k2 is primary"), "{}", rotated.printed);
        let is_kept = rotated.printed.contains("secrets are sealed 1 under k1");
        assert_eq!(
            (rotated.succeeded, is_kept),
            (service == ServiceName::Mfa, service == ServiceName::Identity)
        );
    }
    assert_eq!(verify().await, first);
    let retired = Command::of(&system, ServiceName::Identity, &["rotate", "--retire"]).run().await;
    assert!(!retired.succeeded, "{}", retired.printed);
    system.clock.advance(time::Duration::minutes(11));
    for arguments in [&rotate[..], &["rotate", "--retire"]] {
        let done = Command::of(&system, ServiceName::Identity, arguments).run().await;
        assert!(done.succeeded, "{}", done.printed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stays_while_a_followers_place_in_the_log_was_made_under_it() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    // identity keeps its place in tenant's log of before.
    system
        .eventually("identity has a place", || async {
            let owner = system.identity_database.owner().await;
            let sql = "SELECT count(*) FROM log_cursor WHERE log = 'tenant' AND cursor <> ''";
            owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
    let held = system.hold_follower(ServiceName::Identity, ServiceName::Tenant).await;
    let rotated = Command::of(&system, ServiceName::Tenant, &["rotate", "--patience", "4"]).run().await;
    assert!(rotated.printed.contains("every secret of tenant is sealed under k2"), "{}", rotated.printed);
    assert!(
        !rotated.succeeded && rotated.printed.contains("the places in the log of identity"),
        "{}",
        rotated.printed
    );
    let kept = Command::of(&system, ServiceName::Tenant, &["rotate", "--retire"]).run().await;
    assert!(
        !kept.succeeded && kept.printed.contains("the places in the log of identity"),
        "{}",
        kept.printed
    );
    held.release().await;
    system
        .eventually("identity's place is of k2", || async {
            Command::of(&system, ServiceName::Tenant, &["rotate", "--retire"]).run().await.succeeded
        })
        .await;
    system.stop(0, ServiceName::Identity).await;
    system.restart(0, ServiceName::Identity).await;
    let before = position(&system).await;
    let created =
        system.console.create_company(&tree.reseller_session, &tree.reseller.id, "later", false).await;
    created.unwrap();
    let has_moved = || async { position(&system).await > before };
    system.eventually("identity follows on from there", has_moved).await;
}

#[test]
fn keys_are_made_and_looked_at_without_anybody_to_ask() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("keys");
    let run = |arguments: &[&str]| Command::alone(&path, arguments).output();
    assert!(run(&["generate"]).succeeded);
    let again = run(&["generate"]);
    assert!(!again.succeeded && again.printed.contains("holds a keyring already"), "{}", again.printed);
    let early = run(&["rotate", "--distributed"]);
    assert!(!early.succeeded && early.printed.contains("no rotation is under way"), "{}", early.printed);
    let begun = run(&["rotate"]);
    assert!(
        begun.succeeded && begun.printed.contains("bring the directory to every replica"),
        "{}",
        begun.printed
    );
    let status = run(&["status"]);
    assert!(
        status.printed.contains("primary") && status.printed.contains("to become primary"),
        "{}",
        status.printed
    );
    assert!(run(&["rotate", "--distributed"]).succeeded);
    assert_eq!(Keyring::load(&path).unwrap().primary().as_str(), "k2");
    assert!(!run(&["rotate", "--retire"]).succeeded, "nobody says that k1 is not needed");
    let secret = fs::read_to_string(path.join("k1.key")).unwrap();
    assert!(!run(&["status"]).printed.contains(secret.trim()));
}
