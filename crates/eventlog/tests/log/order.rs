//! The order of the log, under everything that breaks other orders.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use eventlog::{Sequencer, SequencerOptions, commitment, leaf_hash};
use fault::{Fault, Reason};
use futures::FutureExt;
use prost::Message;
use proto::events::Event;
use store::Store;
use types::OrganizationPath;
use uuid::Uuid;

use crate::support::{Db, HEAD, Tree, connect, draft, text, until};

const WRITERS: u64 = 32;
const HOT_ROWS: u64 = 6;
const TIME: Duration = Duration::from_secs(8);

/// A small generator: a test that fails says its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Clone)]
struct Work {
    entities: Vec<i32>,
    pause_before: f64,
    pause_after: f64,
    aborts: bool,
    path: OrganizationPath,
    act: eventlog::Act,
}

/// Locks and changes each entity and records its new version, in one unit.
async fn write(store: &Store, work: Work) -> bool {
    const CHANGE: &str = "UPDATE entity SET version = version + 1 WHERE id = $1 RETURNING version";
    let outcome = store
        .unit("write", work, |unit, work| {
            async move {
                if work.pause_before > 0.0 {
                    // Has a transaction id long before it appends.
                    unit.query("SELECT pg_current_xact_id()::text, pg_sleep($1)", &[&work.pause_before])
                        .await?;
                }
                let mut drafts = Vec::new();
                for id in &work.entities {
                    let row = unit.query_opt(CHANGE, &[id]).await?.unwrap();
                    let version: i64 = row.get(0);
                    let text = format!("{id}:{version}");
                    drafts.push(draft(&work.act, "mfa.test.changed", &work.path, &text));
                }
                let receipt = unit.record_all(drafts).unwrap();
                if work.pause_after > 0.0 {
                    unit.query("SELECT pg_sleep($1)", &[&work.pause_after]).await?;
                }
                if work.aborts {
                    return Err(Fault::new(Reason::Cancelled));
                }
                Ok(receipt.with(()))
            }
            .boxed()
        })
        .await;
    outcome.is_ok()
}

/// 32 writers on few rows; slow ones, aborts, a writer open in another database and one that keeps an id for long; two
/// sequencers that both work. Nothing lost, twice, missing or turned round.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_doubled_or_turned_round() {
    let db = Arc::new(Db::create().await);
    let options = |tick| SequencerOptions { tick: Duration::from_millis(tick), election: false };
    let sequencers = [10, 13].map(|tick| Sequencer::spawn(&db.sequencer_url(), options(tick)).unwrap());

    let elsewhere = connect(&db.server_url).await;
    elsewhere.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    let idle = connect(&db.service_url()).await;
    idle.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();

    let store = db.store(WRITERS as usize);
    let path = Tree::new().company_a1;
    let committed = Arc::new(AtomicI64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read_forward(Arc::clone(&db), Arc::clone(&is_over)));
    let until_then = Instant::now() + TIME;
    let writers = (1..=WRITERS).map(|seed| {
        let (db, store, path, committed) =
            (Arc::clone(&db), store.clone(), path.clone(), Arc::clone(&committed));
        tokio::spawn(async move {
            let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            while Instant::now() < until_then {
                let mut entities = vec![1 + dice.roll(HOT_ROWS) as i32];
                if dice.roll(4) == 0 {
                    entities.push(1 + dice.roll(HOT_ROWS) as i32);
                    entities.sort_unstable();
                    entities.dedup();
                }
                let sometimes = |dice: &mut Dice, one_in, most: u64| {
                    if dice.roll(one_in) == 0 { dice.roll(most) as f64 / 1000.0 } else { 0.0 }
                };
                let work = Work {
                    pause_before: sometimes(&mut dice, 6, 60),
                    pause_after: sometimes(&mut dice, 12, 40),
                    aborts: dice.roll(8) == 0,
                    path: path.clone(),
                    act: db.act(),
                    entities,
                };
                let events = work.entities.len() as i64;
                if write(&store, work).await {
                    committed.fetch_add(events, Ordering::SeqCst);
                }
            }
        })
    });
    futures::future::join_all(writers).await.into_iter().for_each(|writer| writer.unwrap());

    let committed = committed.load(Ordering::SeqCst);
    let owner = db.owner().await;
    until(&owner, HEAD, committed).await;
    is_over.store(true, Ordering::SeqCst);
    let read = reader.await.unwrap();
    drop((elsewhere, idle, sequencers));
    assert!(committed > 500, "too little happened: {committed}");
    println!("{committed} events");
    assert_eq!(read.len() as i64, committed, "a reader that only goes forward has seen everything");
    check(&owner, committed, &read).await;
}

/// Reads by position, always forward from the last one seen.
async fn read_forward(db: Arc<Db>, is_over: Arc<AtomicBool>) -> Vec<Uuid> {
    const SQL: &str = "SELECT position, event_id FROM event_position WHERE position > $1 ORDER BY position";
    let client = connect(&db.service_url()).await;
    let mut seen = Vec::new();
    loop {
        let was_over = is_over.load(Ordering::SeqCst);
        for row in client.query(SQL, &[&(seen.len() as i64)]).await.unwrap() {
            assert_eq!(row.get::<_, i64>(0), seen.len() as i64 + 1, "a gap");
            seen.push(row.get(1));
        }
        if was_over {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Every committed event stands at one position, entities' versions rise by one, and leaves are what the format says.
async fn check(owner: &tokio_postgres::Client, committed: i64, read: &[Uuid]) {
    const ALL: &str = "SELECT p.position, e.event_id, p.leaf_hash, e.salt, e.envelope
        FROM event e LEFT JOIN event_position p USING (event_id) ORDER BY p.position";
    let rows = owner.query(ALL, &[]).await.unwrap();
    assert_eq!(rows.len() as i64, committed, "rows of committed units");
    let mut versions: HashMap<String, i64> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let position: Option<i64> = row.get(0);
        assert_eq!(position, Some(index as i64 + 1), "lost, doubled or a gap");
        let event_id: Uuid = row.get(1);
        assert_eq!(read[index], event_id, "a position changed its event");
        let salt: [u8; 16] = row.get::<_, Vec<u8>>(3).try_into().unwrap();
        let envelope: Vec<u8> = row.get(4);
        let leaf = leaf_hash(index as i64 + 1, event_id, &commitment(&salt, &envelope));
        assert_eq!(row.get::<_, Vec<u8>>(2), leaf, "leaf at {position:?}");
        let event = Event::decode(envelope.as_slice()).unwrap();
        let (entity, version) = text(&event).split_once(':').unwrap();
        let last = versions.entry(entity.to_owned()).or_default();
        assert_eq!(
            version.parse::<i64>().unwrap(),
            *last + 1,
            "turned round: entity {entity} at {position:?}"
        );
        *last += 1;
    }
    let head = owner.query_one("SELECT position, leaf_hash FROM log_head", &[]).await.unwrap();
    assert_eq!(head.get::<_, i64>(0), committed);
    assert_eq!(head.get::<_, Vec<u8>>(1), rows.last().unwrap().get::<_, Vec<u8>>(2));
}

/// Sequencers elect one leader, another takes over, and an idle log burns no transaction ids.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_idling_costs_no_transaction_ids() {
    use eventlog::SequencerState::{Leading, Standby};
    let db = Db::create().await;
    let first = db.sequencer();
    first.state().wait_for(|state| *state == Leading).await.unwrap();
    let second = db.sequencer();
    second.state().wait_for(|state| *state == Standby).await.unwrap();

    let owner = db.owner().await;
    let next_id = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    let store = db.store(2);
    let path = Tree::new().company_a1;
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &path, "1")]).await;
    until(&owner, HEAD, 1).await;
    // Others share this server: only the head row tells whether *this* log's sequencer wrote.
    let written = "SELECT xmin::text::bigint FROM log_head";
    let before: i64 = owner.query_one(written, &[]).await.unwrap().get(0);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(owner.query_one(written, &[]).await.unwrap().get::<_, i64>(0), before);
    let _: i64 = owner.query_one(next_id, &[]).await.unwrap().get(0);

    first.stop().await;
    second.state().wait_for(|state| *state == Leading).await.unwrap();
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &path, "2")]).await;
    until(&owner, HEAD, 2).await;
}
