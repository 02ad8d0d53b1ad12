//! After a restore: the sequencer stops, old cursors fail, a re-baseline loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eventlog::{SequencerState, StopCause, rebaseline};
use futures::StreamExt;
use proto::events::event_log_service_server::EventLogService;
use proto::events::watch_events_response::Frame;
use proto::events::{EventFilter, ListEventsRequest, WatchEventsRequest};

use crate::support::{Db, HEAD, Tree, append, connect, draft, peer, reason, request, until};

const LEADING: SequencerState = SequencerState::Leading;

async fn fill(db: &Db, from: i64, upto: i64) {
    let (store, path) = (db.store(2), Tree::new().company_a1);
    let drafts = (from..=upto).map(|n| draft(&db.act(), "mfa.test.changed", &path, &n.to_string())).collect();
    db.append(&store, drafts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_system_stops_the_sequencer_until_it_is_rebaselined() {
    let db = Db::create().await;
    let owner = db.owner().await;
    let sequencer = db.sequencer();
    fill(&db, 1, 10).await;
    until(&owner, HEAD, 10).await;
    let log = db.log();
    log.head().wait_for(|head| *head == 10).await.unwrap();
    let service = db.service(&log);
    let caller = peer("tenant");
    let open = async |cursor: &str| {
        let message = WatchEventsRequest { filter: Some(EventFilter::default()), cursor: cursor.to_owned() };
        service.watch_events(request(&caller, message)).await
    };
    let mut frames = open("").await.unwrap().into_inner();
    let cursor = loop {
        match frames.next().await.unwrap().unwrap().frame {
            Some(Frame::CaughtUp(caught_up)) => break caught_up.cursor,
            _ => continue,
        }
    };
    let list = async |page_token: String| {
        let message = ListEventsRequest { page_size: 2, page_token, ..ListEventsRequest::default() };
        service.list_events(request(&caller, message)).await
    };
    let token = list(String::new()).await.unwrap().into_inner().next_page_token;
    sequencer.stop().await;

    owner.batch_execute("UPDATE log_epoch SET system_identifier = 1").await.unwrap();
    let sequencer = db.sequencer();
    let stopped = SequencerState::Stopped(StopCause::SystemIdentifier);
    sequencer.state().wait_for(|state| *state == stopped).await.unwrap();
    fill(&db, 11, 15).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(owner.query_one(HEAD, &[]).await.unwrap().get::<_, i64>(0), 10);

    let done = rebaseline(&db.owner_url()).await.unwrap();
    assert_eq!((done.epoch, done.events), (2, 5));
    sequencer.state().wait_for(|state| *state == LEADING).await.unwrap();
    fill(&db, 16, 20).await;
    until(&owner, HEAD, 20).await;

    assert_eq!(reason(&open(&cursor).await.err().unwrap()), "CURSOR_OUTDATED");
    assert_eq!(reason(&list(token).await.unwrap_err()), "CURSOR_OUTDATED");
    let end = loop {
        match frames.next().await.unwrap() {
            Ok(_) => continue,
            Err(status) => break reason(&status),
        }
    };
    assert_eq!(end, "CURSOR_OUTDATED");
    assert!(open("").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_ids_that_went_back_stop_the_sequencer() {
    let db = Db::create().await;
    let owner = db.owner().await;
    owner.batch_execute("UPDATE log_head SET snapshot = '99999999999:99999999999:'").await.unwrap();
    let sequencer = db.sequencer();
    let stopped = SequencerState::Stopped(StopCause::TransactionIds);
    sequencer.state().wait_for(|state| *state == stopped).await.unwrap();
    fill(&db, 1, 3).await;
    assert_eq!(rebaseline(&db.owner_url()).await.unwrap().events, 3);
    sequencer.state().wait_for(|state| *state == LEADING).await.unwrap();
    fill(&db, 4, 5).await;
    until(&owner, HEAD, 5).await;
}

/// A logical restore brings old transaction ids that lie in the new system's future, and lost positions. With writers
/// at work meanwhile, nothing is lost and nothing placed twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebaseline_under_writers_loses_nothing() {
    let db = Arc::new(Db::create().await);
    let owner = db.owner().await;
    {
        let _sequencer = db.sequencer();
        fill(&db, 1, 50).await;
        until(&owner, HEAD, 50).await;
    }
    owner
        .batch_execute(
            "UPDATE event SET xid = '99999999999';
             DELETE FROM event_position WHERE position > 30;
             UPDATE log_head SET position = 30, snapshot = '99999999999:99999999999:'",
        )
        .await
        .unwrap();
    let sequencer = db.sequencer();

    let open = connect(&db.service_url()).await;
    open.batch_execute(
        "BEGIN; INSERT INTO event (event_id, type, organization_id, path, subject_key, record_time, salt, envelope)
         SELECT gen_random_uuid(), type, organization_id, path, subject_key, record_time, salt, envelope
         FROM event LIMIT 1",
    )
    .await
    .unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (db, is_over) = (Arc::clone(&db), Arc::clone(&is_over));
            tokio::spawn(async move {
                let (store, path) = (db.store(1), Tree::new().company_a1);
                while !is_over.load(Ordering::SeqCst) {
                    append(&store, draft(&db.act(), "mfa.test.changed", &path, "x")).await;
                }
            })
        })
        .collect();
    let url = db.owner_url();
    let rebaselining = tokio::spawn(async move { rebaseline(&url).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!rebaselining.is_finished(), "it waits for the open writer");
    open.batch_execute("COMMIT").await.unwrap();
    let done = rebaselining.await.unwrap();
    assert!(done.events >= 21, "twenty lost positions and the open writer's event");
    tokio::time::sleep(Duration::from_millis(200)).await;
    is_over.store(true, Ordering::SeqCst);
    futures::future::join_all(writers).await.into_iter().for_each(|writer| writer.unwrap());
    sequencer.state().wait_for(|state| *state == LEADING).await.unwrap();
    let events: i64 = owner.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
    until(&owner, HEAD, events).await;
    let placed = "SELECT count(*) FROM event JOIN event_position USING (event_id)";
    assert_eq!(owner.query_one(placed, &[]).await.unwrap().get::<_, i64>(0), events);
}

/// The same epoch, but another event where the cursor stands: a physical restore.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_history_fails() {
    let db = Db::create().await;
    let owner = db.owner().await;
    let _sequencer = db.sequencer();
    fill(&db, 1, 3).await;
    until(&owner, HEAD, 3).await;
    let log = db.log();
    log.head().wait_for(|head| *head == 3).await.unwrap();
    let service = db.service(&log);
    let caller = peer("tenant");
    let open = async |cursor: &str| {
        let message = WatchEventsRequest { filter: None, cursor: cursor.to_owned() };
        service.watch_events(request(&caller, message)).await
    };
    let mut frames = open("").await.unwrap().into_inner();
    let mut cursors = Vec::new();
    while cursors.len() < 3 {
        match frames.next().await.unwrap().unwrap().frame {
            Some(Frame::Event(watched)) => cursors.push(watched.cursor),
            frame => panic!("{frame:?}"),
        }
    }
    drop(frames);
    owner
        .batch_execute(
            "UPDATE event_position SET leaf_hash = sha256('other') WHERE position = 2;
             DELETE FROM event_position WHERE position = 3",
        )
        .await
        .unwrap();
    // What was read stays in memory only as long as somebody watches; this log was opened after the restore.
    let log = db.log();
    log.head().wait_for(|head| *head == 2).await.unwrap();
    let service = db.service(&log);
    let open = async |cursor: &str| {
        let message = WatchEventsRequest { filter: None, cursor: cursor.to_owned() };
        service.watch_events(request(&caller, message)).await
    };
    assert!(open(&cursors[0]).await.is_ok());
    assert_eq!(reason(&open(&cursors[1]).await.err().unwrap()), "CURSOR_OUTDATED");
    assert_eq!(reason(&open(&cursors[2]).await.err().unwrap()), "CURSOR_OUTDATED");
}
