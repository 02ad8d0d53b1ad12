//! `WatchEvents`: resuming exactly, moving on, and ending when it must.

use std::pin::Pin;
use std::time::Duration;

use access::Caller;
use eventlog::{EventLog, WatchOptions};
use futures::{Stream, StreamExt};
use proto::events::event_log_service_server::EventLogService;
use proto::events::watch_events_response::Frame;
use proto::events::{EventFilter, WatchEventsRequest, WatchEventsResponse};
use tonic::Status;
use types::Role;

use crate::support::{Db, HEAD, Nowhere, Tree, bulk, draft, peer, reason, request, text, until, user};

type Frames = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

async fn watch(
    service: &EventLog,
    caller: &Caller,
    filter: &EventFilter,
    cursor: &str,
) -> Result<Frames, String> {
    let message = WatchEventsRequest { filter: Some(filter.clone()), cursor: cursor.to_owned() };
    let response = service.watch_events(request(caller, message)).await;
    response.map(tonic::Response::into_inner).map_err(|status| reason(&status))
}

async fn next(frames: &mut Frames) -> Result<Frame, String> {
    let frame = tokio::time::timeout(Duration::from_secs(20), frames.next()).await;
    let frame = frame.expect("a frame in time").expect("the stream goes on");
    frame.map(|response| response.frame.unwrap()).map_err(|status| reason(&status))
}

/// The texts and cursors of events up to the first `caught_up`, and its cursor.
async fn to_head(frames: &mut Frames) -> (Vec<(String, String)>, String) {
    let mut events = Vec::new();
    loop {
        match next(frames).await.unwrap() {
            Frame::Event(watched) => {
                events.push((text(&watched.event.unwrap()).to_owned(), watched.cursor));
            }
            Frame::Progress(_) => {}
            Frame::CaughtUp(caught_up) => return (events, caught_up.cursor),
        }
    }
}

fn branch() -> EventFilter {
    EventFilter { include_descendants: true, ..EventFilter::default() }
}

fn names(events: &[(String, String)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

/// Ten rounds of one event for a1 and one for b1.
async fn fixture() -> (Db, Tree, eventlog::Sequencer, eventlog::Log) {
    let db = Db::create().await;
    let (tree, store, sequencer) = (Tree::new(), db.store(2), db.sequencer());
    let mut drafts = Vec::new();
    for round in 0..10 {
        drafts.push(draft(&db.act(), "mfa.test.changed", &tree.company_a1, &format!("a{round}")));
        drafts.push(draft(&db.act(), "mfa.test.changed", &tree.company_b1, &format!("b{round}")));
    }
    db.append(&store, drafts).await;
    until(&db.owner().await, HEAD, 20).await;
    let log = db.log();
    log.head().wait_for(|head| *head == 20).await.unwrap();
    (db, tree, sequencer, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cursor_resumes_exactly_behind_its_event() {
    let (db, tree, _sequencer, log) = fixture().await;
    let service = db.service(&log);
    for caller in [user(Role::ResellerAdmin, &tree.reseller_a), user(Role::CompanyAuditor, &tree.company_a1)]
    {
        let mut frames = watch(&service, &caller, &branch(), "").await.unwrap();
        let (events, head) = to_head(&mut frames).await;
        let expected: Vec<String> = (0..10).map(|round| format!("a{round}")).collect();
        assert_eq!(names(&events), expected);
        for (index, (_, cursor)) in events.iter().enumerate() {
            let mut frames = watch(&service, &caller, &branch(), cursor).await.unwrap();
            assert_eq!(names(&to_head(&mut frames).await.0), expected[index + 1..]);
        }
        let mut frames = watch(&service, &caller, &branch(), &head).await.unwrap();
        assert!(to_head(&mut frames).await.0.is_empty());
    }
    let mut frames = watch(&service, &peer("identity"), &EventFilter::default(), "").await.unwrap();
    assert_eq!(to_head(&mut frames).await.0.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_its_scope_and_filter_only() {
    let (db, tree, _sequencer, log) = fixture().await;
    let service = db.service(&log);
    let caller = user(Role::ResellerAdmin, &tree.reseller_a);
    let (events, _) = to_head(&mut watch(&service, &caller, &branch(), "").await.unwrap()).await;
    let cursor = &events[3].1;
    let refused = async |caller: &Caller, filter: &EventFilter, cursor: &str| {
        watch(&service, caller, filter, cursor).await.err()
    };
    let invalid = Some("INVALID_CURSOR".to_owned());
    assert_eq!(refused(&user(Role::ResellerAuditor, &tree.reseller_a), &branch(), cursor).await, None);
    assert_eq!(refused(&user(Role::ResellerAdmin, &tree.reseller_b), &branch(), cursor).await, invalid);
    assert_eq!(refused(&peer("mfa"), &branch(), cursor).await, invalid);
    let other = EventFilter { types: vec!["mfa.test.changed".into()], ..branch() };
    assert_eq!(refused(&caller, &other, cursor).await, invalid);
    for index in (0..cursor.len()).step_by(7) {
        let mut tampered = cursor.clone().into_bytes();
        tampered[index] = if tampered[index] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        assert_eq!(refused(&caller, &branch(), &tampered).await, invalid, "byte {index}");
        assert_eq!(refused(&caller, &branch(), &cursor[..index.max(1)]).await, invalid);
    }
    let foreign = EventFilter { organization_id: tree.company_b1.organization_id().to_string(), ..branch() };
    assert_eq!(refused(&caller, &foreign, "").await, Some("NOT_FOUND".into()));
    // A service may follow more types with a new release.
    let service_peer = peer("identity");
    let mut frames = watch(&service, &service_peer, &EventFilter::default(), "").await.unwrap();
    let (events, _) = to_head(&mut frames).await;
    let mut frames = watch(&service, &service_peer, &other, &events[18].1).await.unwrap();
    assert_eq!(names(&to_head(&mut frames).await.0), ["b9"]);
    assert_eq!(refused(&peer("tenant"), &EventFilter::default(), &events[0].1).await, invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_moves_with_the_head_and_says_so_for_others_events() {
    let (db, tree, _sequencer, log) = fixture().await;
    let service = db.service(&log);
    let caller = user(Role::CompanyAdmin, &tree.company_a1);
    let mut frames = watch(&service, &caller, &branch(), "").await.unwrap();
    to_head(&mut frames).await;
    let store = db.store(1);
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &tree.company_a1, "new")]).await;
    let Frame::Event(watched) = next(&mut frames).await.unwrap() else { panic!("no event") };
    assert_eq!(text(&watched.event.unwrap()), "new");
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &tree.company_b1, "other")]).await;
    let Frame::Progress(progress) = next(&mut frames).await.unwrap() else { panic!("no progress") };
    assert_eq!(progress.position, 22);
    let mut frames = watch(&service, &caller, &branch(), &progress.cursor).await.unwrap();
    assert!(to_head(&mut frames).await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_stream_ends_with_the_life_of_a_token_and_a_services_does_not() {
    let (_db, tree, _sequencer, log) = fixture().await;
    let options = WatchOptions {
        progress: Duration::from_millis(20),
        user_lifetime: Duration::from_millis(300),
        ..WatchOptions::default()
    };
    let service = EventLog::new(log.clone(), Nowhere, options);
    let caller = user(Role::CompanyAdmin, &tree.company_a1);
    let mut frames = watch(&service, &caller, &branch(), "").await.unwrap();
    let mut cursor = to_head(&mut frames).await.1;
    let end = loop {
        match next(&mut frames).await {
            Ok(Frame::Progress(progress)) => cursor = progress.cursor,
            Ok(frame) => panic!("{frame:?}"),
            Err(reason) => break reason,
        }
    };
    assert_eq!(end, "TOKEN_INVALID");
    let mut frames = watch(&service, &caller, &branch(), &cursor).await.unwrap();
    assert!(to_head(&mut frames).await.0.is_empty());
    let mut frames = watch(&service, &peer("mfa"), &branch(), "").await.unwrap();
    to_head(&mut frames).await;
    for _ in 0..40 {
        assert!(matches!(next(&mut frames).await, Ok(Frame::Progress(_))));
    }
}

/// Far behind the head a stream reads the table: in full, at the caller's speed, and visibly also where nothing matches.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_way_to_the_head_is_complete_and_visible() {
    let (db, tree, _sequencer, log) = fixture().await;
    let owner = db.owner().await;
    bulk(&owner, 7_000).await;
    until(&owner, HEAD, 7_020).await;
    log.head().wait_for(|head| *head == 7_020).await.unwrap();
    let service = db.service(&log);
    let mut frames = watch(&service, &peer("mfa"), &EventFilter::default(), "").await.unwrap();
    let mut expected = 1;
    loop {
        match next(&mut frames).await.unwrap() {
            Frame::Event(watched) => {
                assert_eq!(watched.event.unwrap().position, expected);
                expected += 1;
                if expected % 500 == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Frame::Progress(_) => {}
            Frame::CaughtUp(_) => break,
        }
    }
    assert_eq!(expected, 7_021);

    let caller = user(Role::CompanyAdmin, &tree.company_a2);
    let mut frames = watch(&service, &caller, &branch(), "").await.unwrap();
    let mut last = 0;
    loop {
        match next(&mut frames).await.unwrap() {
            Frame::Progress(progress) => {
                assert!(progress.position - last <= 1_000);
                last = progress.position;
            }
            Frame::CaughtUp(_) => break,
            Frame::Event(watched) => panic!("{watched:?}"),
        }
    }
    assert!(7_020 - last <= 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_streams_and_a_peer_too() {
    let (_db, tree, _sequencer, log) = fixture().await;
    let options = WatchOptions { per_user: 2, per_peer: 4, ..WatchOptions::default() };
    let service = EventLog::new(log.clone(), Nowhere, options);
    let [ada, bob, carl] = [(); 3].map(|()| user(Role::CompanyAdmin, &tree.company_a1));
    let refused = Some("OVERLOADED".to_owned());
    let mut held = Vec::new();
    for caller in [&ada, &ada, &bob, &bob] {
        held.push(watch(&service, caller, &branch(), "").await.unwrap());
    }
    for caller in [&ada, &carl] {
        assert_eq!(watch(&service, caller, &branch(), "").await.err(), refused);
    }
    // Others are not concerned, and whoever ends one may begin another. What fails to begin takes no place.
    let mut follower = watch(&service, &peer("mfa"), &EventFilter::default(), "").await.unwrap();
    to_head(&mut follower).await;
    to_head(&mut held[0]).await;
    drop(held.pop());
    for _ in 0..3 {
        assert_eq!(watch(&service, &carl, &branch(), "no cursor").await.err(), Some("INVALID_CURSOR".into()));
    }
    let mut third = watch(&service, &carl, &branch(), "").await.unwrap();
    to_head(&mut third).await;
}
