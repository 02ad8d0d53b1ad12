//! Following: exactly once, in order, whatever dies; and waiting until it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::Timestamp;
use eventlog::{Blocked, Dependents, Follow, Followed, Follower, FollowerState, follow_service};
use fault::{Outcome, Reason};
use proto::events::Event;
use store::Unit;
use types::ServiceName;

use crate::notes::{Notes, TYPES};
use crate::support::{Db, HEAD, Tree, draft, peer, serve, until};

/// An upstream with a served log, and the database of a follower.
async fn fixture() -> (Db, Db, eventlog::Sequencer, tonic::transport::Channel, Tree) {
    let (upstream, own) = (Db::create().await, Db::create().await);
    let sequencer = upstream.sequencer();
    let channel = serve(upstream.service(&upstream.log()), peer("identity")).await;
    (upstream, own, sequencer, channel, Tree::new())
}

fn follower(own: &Db, channel: &tonic::transport::Channel, notes: &Arc<Notes>) -> Follower {
    let follow: Arc<dyn Follow> = Arc::clone(notes) as _;
    Follower::spawn(own.store(2), own.clock.shared(), channel.clone(), follow)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_applied_once_and_in_order_by_racing_and_dying_followers() {
    const ROUNDS: i64 = 600;
    let (upstream, own, _sequencer, channel, tree) = fixture().await;
    let notes = Arc::new(Notes::default());
    let first = follower(&own, &channel, &notes);
    let second = follower(&own, &channel, &notes);
    let store = upstream.store(4);
    let act = upstream.act();
    let writer = {
        let (store, tree) = (store.clone(), tree);
        tokio::spawn(async move {
            for round in 1..=ROUNDS {
                let event_type = if round % 3 == 0 { "mfa.test.seen" } else { TYPES[0] };
                let draft = draft(&act, event_type, &tree.company_a1, &round.to_string());
                crate::support::append(&store, draft).await;
            }
        })
    };
    let owner = own.owner().await;
    let cursor = "SELECT coalesce(max(position), 0) FROM log_cursor";
    let mut killed = first;
    for at in [60, 150, 300] {
        until(&owner, cursor, at).await;
        drop(killed);
        killed = follower(&own, &channel, &notes);
    }
    writer.await.unwrap();
    // The last event is of a type nobody wants: the cursor must pass it all the same.
    let followed = Followed::new(own.store(1));
    let time = Duration::from_secs(20);
    assert_eq!(followed.await_applied(ServiceName::Mfa, ROUNDS, time).await.unwrap(), ROUNDS);
    drop((killed, second));
    let rows = owner.query("SELECT position, text FROM applied ORDER BY n", &[]).await.unwrap();
    let applied: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected: Vec<(i64, String)> =
        (1..=ROUNDS).filter(|round| round % 3 != 0).map(|round| (round, round.to_string())).collect();
    assert_eq!(applied, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_applied_holds_up_what_follows_and_nothing_before() {
    let (upstream, own, _sequencer, channel, tree) = fixture().await;
    let texts = ["1", "2", "blocked", "4"];
    let drafts = texts.iter().map(|text| draft(&upstream.act(), TYPES[0], &tree.company_a1, text)).collect();
    let ids = upstream.append(&upstream.store(1), drafts).await;
    until(&upstream.owner().await, HEAD, 4).await;
    let notes = Arc::new(Notes { fails: AtomicBool::new(true) });
    let follower = follower(&own, &channel, &notes);
    let followed = Followed::new(own.store(1));
    let await_applied = async |position, time| followed.await_applied(ServiceName::Mfa, position, time).await;
    let owner = own.owner().await;
    until(&owner, "SELECT coalesce(max(position), 0) FROM log_cursor", 2).await;
    let late = await_applied(3, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(late.reason(), Reason::NotYetInForce);
    let mut state = follower.state();
    let blocked = Blocked {
        log: ServiceName::Mfa,
        position: 3,
        event_id: ids[2].to_string(),
        event_type: TYPES[0].to_owned(),
    };
    state.wait_for(|state| *state == FollowerState::Blocked(blocked.clone())).await.unwrap();
    assert!(state.borrow().needs_operator());
    notes.fails.store(false, Ordering::SeqCst);
    state.wait_for(|state| *state == FollowerState::Following).await.unwrap();
    assert_eq!(await_applied(4, Duration::from_secs(20)).await.unwrap(), 4);
    let rows = owner.query("SELECT text FROM applied ORDER BY n", &[]).await.unwrap();
    let applied: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, texts);
    let unknown = followed.await_applied(ServiceName::Tenant, 1, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(unknown.reason(), Reason::InvalidArgument);
}

/// Writes down the transaction it was applied in; "mfa.test.seen" is to be alone.
struct Transactions;

#[async_trait::async_trait]
impl Follow for Transactions {
    fn log(&self) -> ServiceName {
        ServiceName::Mfa
    }

    fn types(&self) -> &'static [&'static str] {
        &["mfa.test.changed", "mfa.test.seen"]
    }

    fn is_alone(&self, event_type: &str) -> bool {
        event_type == "mfa.test.seen"
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, _now: Timestamp) -> Outcome<()> {
        const SQL: &str = "INSERT INTO applied (position, text) VALUES ($1, pg_current_xact_id()::text)";
        unit.execute(SQL, &[&event.position]).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_to_be_alone_shares_its_transaction_with_no_other() {
    const EVENTS: i64 = 120;
    let (upstream, own, _sequencer, channel, tree) = fixture().await;
    let seen = |n: i64| n % 4 == 0;
    let event = |n| {
        let event_type = if seen(n) { "mfa.test.seen" } else { "mfa.test.changed" };
        draft(&upstream.act(), event_type, &tree.company_a1, "x")
    };
    upstream.append(&upstream.store(1), (1..=EVENTS).map(event).collect()).await;
    until(&upstream.owner().await, HEAD, EVENTS).await;
    let _follower = Follower::spawn(own.store(2), own.clock.shared(), channel, Arc::new(Transactions));
    let owner = own.owner().await;
    until(&owner, "SELECT coalesce(max(position), 0) FROM log_cursor", EVENTS).await;
    let rows = owner.query("SELECT position, text FROM applied ORDER BY n", &[]).await.unwrap();
    let applied: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(applied.iter().map(|(position, _)| *position).collect::<Vec<_>>(), Vec::from_iter(1..=EVENTS));
    for (position, transaction) in applied.iter().filter(|(position, _)| seen(*position)) {
        let shared = applied.iter().filter(|(_, other)| other == transaction).count();
        assert_eq!(shared, 1, "position {position}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_force_when_the_dependents_have_applied_it() {
    let (upstream, own, _sequencer, channel, tree) = fixture().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = follow_service(Followed::new(own.store(2)));
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let dependent = tonic::transport::Endpoint::try_from(format!("http://{address}")).unwrap().connect_lazy();
    let log = upstream.log();
    let dependents = Dependents::new(ServiceName::Mfa, log, vec![(ServiceName::Identity, dependent)]);

    let draft = draft(&upstream.act(), TYPES[0], &tree.company_a1, "in force");
    let event_id = draft.event_id();
    upstream.append(&upstream.store(1), vec![draft]).await;
    let waiting = tokio::spawn(async move { dependents.await_in_force(event_id).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!waiting.is_finished(), "nobody follows yet");
    let notes = Arc::new(Notes::default());
    let _follower = follower(&own, &channel, &notes);
    waiting.await.unwrap().unwrap();
    let owner = own.owner().await;
    let applied: i64 = owner.query_one("SELECT count(*) FROM applied", &[]).await.unwrap().get(0);
    assert_eq!(applied, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_does_not_come_is_not_waited_for_beyond_the_time() {
    let db = Db::create().await;
    let log = db.log();
    let draft = draft(&db.act(), TYPES[0], &Tree::new().company_a1, "x");
    let event_id = draft.event_id();
    db.append(&db.store(1), vec![draft]).await;
    let late = log.position_of(event_id, Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(late.reason(), Reason::NotYetInForce);
    let _sequencer = db.sequencer();
    assert_eq!(log.position_of(event_id, Duration::from_secs(20)).await.unwrap(), 1);
}
