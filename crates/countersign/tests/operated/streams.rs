//! A service that stops: not ready first, then calls under way end, and a stream says where to go on.

use std::time::Duration;

use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::watch_events_response::Frame;
use proto::events::{EventFilter, WatchEventsRequest};
use proto::mfa::EnforceMfaRequest;
use testkit::{TestSystem, Tree, as_user, company_target, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_a_cursor_from_which_another_replica_goes_on() {
    let mut system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let filter = || EventFilter { include_descendants: true, ..EventFilter::default() };
    let watch = |cursor: String| WatchEventsRequest { filter: Some(filter()), cursor };
    let [_, _, mfa] = system.channels_of(0, "console");
    let mut log = EventLogServiceClient::new(mfa);
    let mut frames =
        log.watch_events(as_user(&tree.provider_session, watch(String::new()))).await.unwrap().into_inner();
    let mut positions = Vec::new();
    loop {
        match frames.message().await.unwrap().unwrap().frame.unwrap() {
            Frame::Event(event) => positions.push(event.event.unwrap().position),
            Frame::Progress(_) => {}
            Frame::CaughtUp(_) => break,
        }
    }
    assert!(!positions.is_empty());

    let stopping = tokio::time::Instant::now();
    let (stopped, (last, status)) = tokio::join!(system.stop_mfa(0), async {
        let mut last = None;
        loop {
            match frames.message().await {
                Ok(Some(response)) => last = response.frame,
                Ok(None) => panic!("it ends with a status"),
                Err(status) => return (last, status),
            }
        }
    });
    let () = stopped;
    assert!(stopping.elapsed() < Duration::from_secs(10));
    assert_eq!((status.code(), reason(status)), (tonic::Code::Unavailable, "NOT_READY".to_owned()));
    let Some(Frame::Progress(progress)) = last else { panic!("{last:?} is no progress") };
    assert!(progress.position >= *positions.last().unwrap());

    // Nothing is shown twice, and what comes after is.
    let [_, _, other] = system.channels_of(1, "console");
    let mut log = EventLogServiceClient::new(other);
    let request = as_user(&tree.provider_session, watch(progress.cursor));
    let mut frames = log.watch_events(request).await.unwrap().into_inner();
    let enforce = EnforceMfaRequest {
        target: company_target(&tree.company.id),
        reason: "a test".to_owned(),
        ..EnforceMfaRequest::default()
    };
    let mut enforcement = system.console_of(1).enforcement;
    enforcement.enforce_mfa(as_user(&tree.reseller_session, enforce)).await.unwrap();
    loop {
        if let Frame::Event(event) = frames.message().await.unwrap().unwrap().frame.unwrap() {
            let event = event.event.unwrap();
            assert!(event.position > progress.position);
            if event.r#type == "mfa.enforcement.enforced" {
                break;
            }
        }
    }
}
