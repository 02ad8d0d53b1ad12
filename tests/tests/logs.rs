//! Reading the logs of the assembled system: who is shown what, and for how long.

#![expect(clippy::expect_used, reason = "a helper of tests fails its test by panicking")]

use std::time::{Duration, Instant};

use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::{ListEventsRequest, WatchEventsRequest};
use proto::identity::RevokeSessionRequest;
use testkit::{Console, TestSystem, Tree, Witnessed, as_user, reason};
use tonic::{Status, Streaming};

fn logs(console: &Console) -> [EventLogServiceClient<Witnessed>; 3] {
    [console.tenant_events.clone(), console.identity_events.clone(), console.mfa_events.clone()]
}

/// How a stream ends.
async fn end<T>(mut frames: Streaming<T>) -> Status {
    loop {
        match tokio::time::timeout(Duration::from_secs(20), frames.message())
            .await
            .expect("it says something")
        {
            Ok(frame) => drop(frame.expect("it ends with a reason")),
            Err(status) => return status,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_with_the_session_they_were_opened_in() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let session = &tree.reseller_session;
    let mut streams = Vec::new();
    for mut log in logs(&system.console) {
        let request = as_user(session, WatchEventsRequest::default());
        streams.push(tokio::spawn(end(log.watch_events(request).await.expect("a stream").into_inner())));
    }
    // They outlive the moments between two answers about the session.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(streams.iter().all(|stream| !stream.is_finished()));
    let request = RevokeSessionRequest { session_id: session.session_id.clone() };
    system.console.sessions.clone().revoke_session(as_user(session, request)).await.expect("it is revoked");
    let begun = Instant::now();
    for stream in streams {
        assert_eq!(reason(stream.await.expect("an end")), "TOKEN_INVALID");
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "it takes {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_company_is_no_secret_of_its_resellers_and_a_foreign_one_is() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let own =
        console.create_company(&tree.reseller_session, &tree.reseller.id, "quiet", false).await.unwrap();
    let other = console.create_reseller(&tree.provider_session, "other", false).await.unwrap();
    let foreign = console.create_company(&tree.provider_session, &other.id, "foreign", false).await.unwrap();
    for mut log in logs(console) {
        let mut ask = async |organization_id: &str| {
            let request = ListEventsRequest {
                organization_id: organization_id.to_owned(),
                ..ListEventsRequest::default()
            };
            log.list_events(as_user(&tree.reseller_session, request)).await.map(|answer| answer.into_inner())
        };
        ask(&own.id).await.expect("a list, if an empty one");
        let foreign = ask(&foreign.id).await.unwrap_err();
        let missing = ask("0193f0aa-0000-7000-8000-000000000000").await.unwrap_err();
        assert_eq!((foreign.message(), foreign.details()), (missing.message(), missing.details()));
        assert_eq!(reason(foreign), "NOT_FOUND");
    }
}
