//! A service whose keyring does not fit what is stored does not start, and creates nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use host::{KeysRefused, StartError};
use keyring::Keyring;
use proto::identity::NextStep;
use proto::mfa::ListFactorsRequest;
use testkit::{ADMIN_LOGIN, TestDatabase, TestSystem, Tree, as_user, reason};
use types::ServiceName;

/// The files of a directory.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        })
        .collect()
}

/// Another keyring in the place of the first one; what was there.
fn exchange(directory: &Path, rename: Option<&str>) -> BTreeMap<String, Vec<u8>> {
    let before = files(directory);
    fs::remove_dir_all(directory).unwrap();
    Keyring::create(directory).unwrap();
    if let Some(id) = rename {
        fs::rename(directory.join("k1.key"), directory.join(format!("{id}.key"))).unwrap();
        fs::write(directory.join("primary"), id).unwrap();
    }
    before
}

fn restore(directory: &Path, files: &BTreeMap<String, Vec<u8>>) {
    assert!(!directory.exists());
    fs::create_dir(directory).unwrap();
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes).unwrap();
    }
}

/// Everything that a wrong key could have created, as text.
async fn stored(database: &TestDatabase, service: ServiceName) -> String {
    let mut tables =
        vec!["SELECT count(*)::text FROM event", "SELECT string_agg(k::text, ';') FROM keyring_key k"];
    if service == ServiceName::Identity {
        tables.push("SELECT string_agg(k::text, ';') FROM signing_key k");
    }
    let owner = database.owner().await;
    let mut text = String::new();
    for sql in tables {
        text.push_str(
            &owner.query_one(sql, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default(),
        );
        text.push('\n');
    }
    text
}

/// Why the keys were refused; none where it was something else.
fn why(error: StartError) -> Option<KeysRefused> {
    match error {
        StartError::Keys(refused) => Some(refused),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_or_missing_key_stops_the_start_and_creates_nothing() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = tree.enrolled_admin(&system).await;
    system.stop_mfa(0).await;
    system.stop_identity(0).await;
    system.stop_tenant(0).await;
    for service in [ServiceName::Tenant, ServiceName::Identity, ServiceName::Mfa] {
        let database = match service {
            ServiceName::Tenant => &system.tenant_database,
            ServiceName::Identity => &system.identity_database,
            ServiceName::Mfa => &system.mfa_database,
        };
        let directory = system.keyring_dir(service);
        let before = stored(database, service).await;

        let right = exchange(&directory, None);
        let wrong = files(&directory);
        let refused = why(system.start_is_refused(service).await);
        assert_eq!(refused, Some(KeysRefused::Exchanged(vec!["k1".to_owned()])), "{service}");
        assert_eq!(files(&directory), wrong, "{service}: the directory is as it was");

        exchange(&directory, Some("x1"));
        let refused = why(system.start_is_refused(service).await);
        let lacks = vec!["k1".to_owned()];
        let expected = match service {
            // It seals nothing; but its cursors are out there.
            ServiceName::Tenant => KeysRefused::Foreign(lacks),
            ServiceName::Identity | ServiceName::Mfa => KeysRefused::Missing(lacks),
        };
        assert_eq!(refused, Some(expected), "{service}");

        fs::remove_dir_all(&directory).unwrap();
        let error = system.start_is_refused(service).await;
        assert!(matches!(error, StartError::Keyring(_)), "{service}: {error}");
        assert!(!directory.exists(), "{service}: nothing was made");

        restore(&directory, &right);
        assert_eq!(stored(database, service).await, before, "{service}");
    }
    system.restart_tenant(0).await;
    system.restart_identity(0).await;
    system.restart_mfa(0).await;
    system.clock.advance(time::Duration::seconds(30));
    system
        .eventually("sign-in works again", || async { system.console.start(ADMIN_LOGIN).await.is_ok() })
        .await;
    let started = system.console.start(ADMIN_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    system.console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_cannot_say_whether_the_keys_fit_nothing_is_done() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (_, session) = tree.enrolled_admin(&system).await;
    let list = || as_user(&session, ListFactorsRequest::default());
    system.stop_mfa(0).await;
    system.mfa_database.shut_out().await;
    system.restart_mfa(0).await;
    // Until its address is tried again, the channel says that nobody is there.
    let says_not_ready = || async {
        reason(system.console.factors.clone().list_factors(list()).await.unwrap_err()) == "NOT_READY"
    };
    system.eventually("it says that it is not ready", says_not_ready).await;
    system.mfa_database.let_in().await;
    system
        .eventually("it serves", || async {
            system.console.factors.clone().list_factors(list()).await.is_ok()
        })
        .await;

    // And when the keys turn out to be wrong ones, it ends without having done anything.
    system.stop_mfa(0).await;
    exchange(&system.keyring_dir(ServiceName::Mfa), None);
    system.mfa_database.shut_out().await;
    system.restart_mfa(0).await;
    system.mfa_database.let_in().await;
    let refused = tokio::time::timeout(Duration::from_secs(20), system.mfa_keys_refused(0)).await.unwrap();
    assert_eq!(refused, KeysRefused::Exchanged(vec!["k1".to_owned()]));
    let refused = system.console.factors.clone().list_factors(list()).await.unwrap_err();
    assert_eq!(reason(refused), "NOT_READY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_changes_into_another_is_not_followed() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = tree.enrolled_admin(&system).await;
    // A second key comes, of the wrong kind: the first one is gone.
    exchange(&system.keyring_dir(ServiceName::Mfa), Some("k2"));
    exchange(&system.keyring_dir(ServiceName::Identity), None);
    // Longer than it takes to look at the directory, in which the services go on as if nothing had happened.
    let until = tokio::time::Instant::now() + Duration::from_millis(2_500);
    while tokio::time::Instant::now() < until {
        system.clock.advance(time::Duration::seconds(30));
        let started = system.console.start(ADMIN_LOGIN).await.unwrap();
        let session =
            system.console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap();
        system.console.refresh(&session).await.unwrap();
    }
    let owner = system.mfa_database.owner().await;
    let rows = owner.query("SELECT sealed_under, count(*) FROM factor GROUP BY 1", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["k1"]);
    let registered = owner.query("SELECT key_id FROM keyring_key", &[]).await.unwrap();
    assert_eq!(registered.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["k1"]);
}
