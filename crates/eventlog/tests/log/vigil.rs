//! A user's stream ends with the session it was opened in, and with what its user was.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use access::Caller;
use eventlog::{EventLog, Sequencer, WatchOptions};
use fault::Reason;
use futures::{Stream, StreamExt};
use proto::events::event_log_service_server::EventLogService;
use proto::events::watch_events_response::Frame;
use proto::events::{WatchEventsRequest, WatchEventsResponse};
use rpc::Liveness;
use tokio::time::{Instant, timeout};
use tonic::Status;
use types::Role;

use crate::support::{Db, HEAD, Nowhere, Sessions, Tree, draft, peer, reason, request, until, user};

type Frames = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

struct Fixture {
    db: Db,
    service: EventLog,
    caller: Caller,
    sessions: Arc<Sessions>,
    tree: Tree,
    _sequencer: Sequencer,
}

const OPTIONS: WatchOptions = WatchOptions {
    progress: Duration::from_millis(20),
    user_lifetime: Duration::from_secs(60),
    check: Duration::from_millis(50),
    patience: Duration::from_millis(600),
    untaken: Duration::from_secs(60),
    per_user: 8,
    per_peer: 1_024,
};

/// Ten events of a company, and its administrator.
async fn fixture() -> Fixture {
    let db = Db::create().await;
    let (tree, sequencer) = (Tree::new(), db.sequencer());
    let event = |n: i32| draft(&db.act(), "mfa.test.changed", &tree.company_a1, &n.to_string());
    db.append(&db.store(1), (0..10).map(event).collect()).await;
    until(&db.owner().await, HEAD, 10).await;
    let log = db.log();
    log.head().wait_for(|head| *head == 10).await.unwrap();
    let service = EventLog::new(log, Nowhere, OPTIONS);
    let caller = user(Role::CompanyAdmin, &tree.company_a1);
    let sessions = Sessions::of(&caller);
    Fixture { db, service, caller, sessions, tree, _sequencer: sequencer }
}

impl Fixture {
    async fn watch(&self) -> Frames {
        let mut message = request(&self.caller, WatchEventsRequest::default());
        message.extensions_mut().insert(Liveness::new(Arc::clone(&self.sessions) as _, "token"));
        self.service.watch_events(message).await.unwrap().into_inner()
    }

    async fn change_of(&self, change: impl FnOnce(&mut access::SignedIn)) -> String {
        let mut frames = self.watch().await;
        to_head(&mut frames).await;
        let mut user = self.caller.user.clone().unwrap();
        change(&mut user);
        self.sessions.answer(Ok(user));
        end(&mut frames).await
    }
}

async fn next(frames: &mut Frames) -> Result<Frame, Status> {
    let frame = timeout(Duration::from_secs(20), frames.next()).await.expect("a frame in time");
    frame.expect("an end of ours").map(|response| response.frame.unwrap())
}

async fn to_head(frames: &mut Frames) {
    while !matches!(next(frames).await.unwrap(), Frame::CaughtUp(_)) {}
}

/// How a stream ends in which nothing happens any more.
async fn end(frames: &mut Frames) -> String {
    loop {
        match next(frames).await {
            Ok(Frame::Progress(_)) => {}
            Ok(frame) => panic!("{frame:?}"),
            Err(status) => return reason(&status),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_ends_with_its_session() {
    let it = fixture().await;
    let mut frames = it.watch().await;
    to_head(&mut frames).await;
    it.sessions.answer(Err(Reason::TokenInvalid));
    let begun = Instant::now();
    assert_eq!(end(&mut frames).await, "TOKEN_INVALID");
    assert!(begun.elapsed() < Duration::from_secs(2), "it takes {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_read_slowly_shows_nothing_more_of_what_it_had_read() {
    let it = fixture().await;
    let mut frames = it.watch().await;
    assert!(matches!(next(&mut frames).await, Ok(Frame::Event(_))));
    it.sessions.answer(Err(Reason::TokenInvalid));
    // The caller takes longer over one event than an answer is good for.
    tokio::time::sleep(OPTIONS.check).await;
    assert_eq!(reason(&next(&mut frames).await.unwrap_err()), "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_user_is_demoted_or_moved() {
    let it = fixture().await;
    assert_eq!(it.change_of(|user| user.role = Role::CompanyAuditor).await, "TOKEN_INVALID");
    assert_eq!(it.change_of(|user| user.path = it.tree.company_a2.clone()).await, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_moves_to_another_reseller_keeps_its_streams() {
    let it = fixture().await;
    let mut frames = it.watch().await;
    to_head(&mut frames).await;
    let mut user = it.caller.user.clone().unwrap();
    user.path = it.tree.reseller_b.child(user.organization_id()).unwrap();
    it.sessions.answer(Ok(user));
    for _ in 0..10 {
        assert!(matches!(next(&mut frames).await, Ok(Frame::Progress(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_nothing_is_shown_and_after_a_while_the_stream_ends() {
    let it = fixture().await;
    let mut frames = it.watch().await;
    to_head(&mut frames).await;
    it.sessions.answer(Err(Reason::DependencyUnavailable));
    tokio::time::sleep(OPTIONS.check).await;
    it.db
        .append(&it.db.store(1), vec![draft(&it.db.act(), "mfa.test.changed", &it.tree.company_a1, "new")])
        .await;
    assert_eq!(end(&mut frames).await, "DEPENDENCY_UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_is_good() {
    let it = fixture().await;
    let mut frames = it.watch().await;
    to_head(&mut frames).await;
    it.sessions.answer(Err(Reason::DependencyUnavailable));
    tokio::time::sleep(OPTIONS.check).await;
    let sessions = Arc::clone(&it.sessions);
    let user = it.caller.user.clone().unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(OPTIONS.check).await;
        sessions.answer(Ok(user));
    });
    for _ in 0..10 {
        assert!(matches!(next(&mut frames).await, Ok(Frame::Progress(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_session_cannot_be_asked_for_gets_no_stream_and_a_service_needs_none() {
    let it = fixture().await;
    let mut message = request(&it.caller, WatchEventsRequest::default());
    message.extensions_mut().remove::<Liveness>();
    assert_eq!(reason(&it.service.watch_events(message).await.err().unwrap()), "INTERNAL");
    let message = request(&peer("identity"), WatchEventsRequest::default());
    let mut frames = it.service.watch_events(message).await.unwrap().into_inner();
    to_head(&mut frames).await;
}
