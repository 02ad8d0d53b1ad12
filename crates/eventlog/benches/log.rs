//! Figures of the log, printed: `cargo bench -p eventlog`. Not a test: nothing here passes or fails by time.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement ends by panicking when what it measures does not work"
)]

#[path = "../tests/log/notes.rs"]
mod notes;
#[path = "../tests/log/support.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod support;

use std::time::{Duration, Instant};

use eventlog::SequencerState;
use futures::StreamExt;
use proto::events::event_log_service_server::EventLogService;
use proto::events::watch_events_response::Frame;
use proto::events::{ListEventsRequest, WatchEventsRequest};
use types::Role;

use support::{Db, HEAD, Tree, append, bulk, draft, peer, request, until, user};

fn percentiles(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{name}: n={} p50={:?} p99={:?} max={:?}", times.len(), at(50), at(99), times[times.len() - 1]);
}

async fn measure_catching_up() {
    let db = Db::create().await;
    let owner = db.owner().await;
    append(&db.store(1), draft(&db.act(), "mfa.test.changed", &Tree::new().company_a1, "1")).await;
    for rows in [200_000_i64, 200_000, 200_000] {
        bulk(&owner, rows).await;
        owner.batch_execute("CHECKPOINT").await.ok();
        let total: i64 = owner.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
        let begun = Instant::now();
        let sequencer = db.sequencer();
        until(&owner, HEAD, total).await;
        let time = begun.elapsed();
        println!("catching up: {:.0} events/s ({rows} in {time:?})", rows as f64 / time.as_secs_f64());
        sequencer.stop().await;
    }
}

async fn measure_latency() {
    let db = Db::create().await;
    let sequencer = db.sequencer();
    sequencer.state().wait_for(|state| *state == SequencerState::Leading).await.unwrap();
    let (log, store, path) = (db.log(), db.store(8), Tree::new().company_a1);
    // Somebody watches, as in life.
    let service = db.service(&log);
    let message = WatchEventsRequest::default();
    let mut frames = service.watch_events(request(&peer("tenant"), message)).await.unwrap().into_inner();
    let watcher = tokio::spawn(async move {
        let mut arrivals = std::collections::HashMap::new();
        while let Some(Ok(response)) = frames.next().await {
            if let Some(Frame::Event(watched)) = response.frame {
                arrivals.insert(watched.event.unwrap().id, Instant::now());
                if arrivals.len() == 500 {
                    break;
                }
            }
        }
        arrivals
    });
    let (mut placed, mut committed) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let draft = draft(&db.act(), "mfa.test.changed", &path, "x");
        let event_id = draft.event_id();
        append(&store, draft).await;
        let at = Instant::now();
        log.position_of(event_id, Duration::from_secs(5)).await.unwrap();
        placed.push(at.elapsed());
        committed.push((event_id.to_string(), at));
        tokio::time::sleep(Duration::from_millis(u64::from(event_id.uuid().as_bytes()[15]) % 7)).await;
    }
    let arrivals = watcher.await.unwrap();
    percentiles("commit -> position known to the service", placed);
    let seen = committed.iter().map(|(id, at)| arrivals[id].saturating_duration_since(*at)).collect();
    percentiles("commit -> WatchEvents", seen);
}

async fn measure_pages() {
    let db = Db::create().await;
    let owner = db.owner().await;
    let tree = Tree::new();
    append(&db.store(1), draft(&db.act(), "mfa.test.changed", &tree.company_a1, "1")).await;
    let log = db.log();
    let service = db.service(&log);
    let provider = user(Role::ProviderAdmin, &tree.provider);
    let key = async |text: &str| -> String {
        owner.query_one("SELECT md5($1)::uuid::text", &[&text]).await.unwrap().get(0)
    };
    let (company, reseller, subject) = (key("c7919").await, key("r19").await, key("u77").await);
    let company = {
        let _ = company;
        key("c1919").await
    };
    let all = ListEventsRequest { include_descendants: true, ..ListEventsRequest::default() };
    let at = |seconds| {
        let start = time::macros::datetime!(2026-11-24 08:00 UTC);
        Some(wire::timestamp_to_wire(start + time::Duration::seconds(seconds)))
    };
    let types = || vec!["mfa.factor.enrolled".to_owned()];
    let cases = [
        ("all", all.clone()),
        ("type", ListEventsRequest { types: types(), ..all.clone() }),
        ("company", ListEventsRequest { organization_id: company.clone(), ..all.clone() }),
        ("reseller", ListEventsRequest { organization_id: reseller.clone(), ..all.clone() }),
        ("reseller, type", ListEventsRequest { organization_id: reseller, types: types(), ..all.clone() }),
        ("subject", ListEventsRequest { subject_id: subject.clone(), ..all.clone() }),
        ("actor, type", ListEventsRequest { actor_id: subject, types: types(), ..all.clone() }),
        ("time", ListEventsRequest { start_time: at(2), end_time: at(5), ..all.clone() }),
        ("company, time", ListEventsRequest { organization_id: company, end_time: at(8), ..all }),
    ];
    for rows in [10_000_i64, 1_000_000] {
        let before: i64 = owner.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
        let sequencer = db.sequencer();
        for _ in 0..(rows - before) / 9_999 {
            bulk(&owner, 9_999).await;
        }
        let total: i64 = owner.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
        for _ in 0..20 {
            if owner.query_one(HEAD, &[]).await.unwrap().get::<_, i64>(0) == total {
                break;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        sequencer.stop().await;
        owner.batch_execute("ANALYZE").await.unwrap();
        println!("{total} events");
        for (name, message) in &cases {
            let mut times = Vec::new();
            let mut count = 0;
            for _ in 0..60 {
                let begun = Instant::now();
                let response = service.list_events(request(&provider, message.clone())).await.unwrap();
                count = response.into_inner().events.len();
                times.push(begun.elapsed());
            }
            percentiles(&format!("  {name} ({count})"), times.split_off(10));
        }
    }
}

/// With some 2,000 events a second beside it: commit to position, and commit to applied by a follower.
async fn measure_under_load() {
    use std::sync::Arc;
    let (upstream, own) = (Db::create().await, Db::create().await);
    let sequencer = upstream.sequencer();
    sequencer.state().wait_for(|state| *state == SequencerState::Leading).await.unwrap();
    let log = upstream.log();
    let channel = crate::support::serve(upstream.service(&log), peer("identity")).await;
    let notes: Arc<dyn eventlog::Follow> = Arc::new(notes::Notes::default());
    let _follower = eventlog::Follower::spawn(own.store(2), own.clock.shared(), channel, notes);
    let followed = eventlog::Followed::new(own.store(2));
    let path = Tree::new().company_a1;
    let act = upstream.act();
    let writers: Vec<_> = (0..10)
        .map(|_| {
            let (store, act, path) = (upstream.store(1), act.clone(), path.clone());
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(5));
                loop {
                    ticks.tick().await;
                    append(&store, draft(&act, "mfa.test.seen", &path, "load")).await;
                }
            })
        })
        .collect();
    let store = upstream.store(1);
    let (mut placed, mut applied) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for _ in 0..200 {
        let draft = draft(&act, "mfa.test.changed", &path, "x");
        let event_id = draft.event_id();
        append(&store, draft).await;
        let at = Instant::now();
        let time = Duration::from_secs(10);
        let position = log.position_of(event_id, time).await.unwrap();
        placed.push(at.elapsed());
        followed.await_applied(types::ServiceName::Mfa, position, time).await.unwrap();
        applied.push(at.elapsed());
    }
    let rate = *log.head().borrow() as f64 / begun.elapsed().as_secs_f64();
    writers.iter().for_each(tokio::task::JoinHandle::abort);
    println!("{rate:.0} events/s beside it");
    percentiles("commit -> position", placed);
    percentiles("commit -> applied by a follower", applied);
}

#[tokio::main]
async fn main() {
    measure_catching_up().await;
    measure_latency().await;
    measure_pages().await;
    measure_under_load().await;
}
