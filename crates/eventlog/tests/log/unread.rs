//! `WatchEvents` over a connection whose client does not read.

use std::time::Duration;

use eventlog::{EventLog, WatchOptions};
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::watch_events_response::Frame;
use proto::events::{EventFilter, WatchEventsRequest, WatchEventsResponse};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::support::{Db, HEAD, Nowhere, Tree, bulk, draft, peer, reason, serve, until};

/// More than the windows of HTTP/2 hold.
const EVENTS: i64 = 20_001;

async fn watch(client: &EventLogServiceClient<Channel>, cursor: &str) -> Result<Frames, String> {
    let request = WatchEventsRequest { filter: Some(EventFilter::default()), cursor: cursor.to_owned() };
    let opened = client.clone().watch_events(request).await;
    let stream = opened.map_err(|status| reason(&status))?.into_inner();
    Ok(Frames { stream, last: 0, cursor: cursor.to_owned() })
}

struct Frames {
    stream: Streaming<WatchEventsResponse>,
    /// The last event's position, and the cursor behind it.
    last: i64,
    cursor: String,
}

impl Frames {
    /// Takes every event up to position `upto` or the end, each the one that follows the one before.
    async fn read(&mut self, upto: i64) -> Result<(), Status> {
        while self.last < upto {
            let frame = tokio::time::timeout(Duration::from_secs(20), self.stream.message());
            let frame = frame.await.expect("a frame in time")?.expect("the stream ends with a status").frame;
            if let Some(Frame::Event(watched)) = frame {
                assert_eq!(watched.event.unwrap().position, self.last + 1);
                (self.last, self.cursor) = (self.last + 1, watched.cursor);
            }
        }
        Ok(())
    }
}

/// A client that holds a stream and takes nothing of it takes the place of one that would.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_gives_its_place_back_and_says_so() {
    let db = Db::create().await;
    let (tree, store, _sequencer, owner) = (Tree::new(), db.store(2), db.sequencer(), db.owner().await);
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &tree.company_a1, "one")]).await;
    bulk(&owner, EVENTS - 1).await;
    until(&owner, HEAD, EVENTS).await;
    let log = db.log();
    log.head().wait_for(|head| *head == EVENTS).await.unwrap();
    let options =
        WatchOptions { per_peer: 1, untaken: Duration::from_millis(400), ..WatchOptions::default() };
    let service = EventLog::new(log, Nowhere, options);
    let client = EventLogServiceClient::new(serve(service, peer("mfa")).await);

    let mut unread = watch(&client, "").await.unwrap();
    unread.read(1).await.unwrap();
    assert_eq!(watch(&client, "").await.err(), Some("OVERLOADED".into()));
    drop(place(&client, "").await);

    // What was under way arrives, then the reason; with the last cursor it goes on.
    let end = unread.read(EVENTS).await.unwrap_err();
    assert_eq!((reason(&end).as_str(), end.code()), ("STREAM_NOT_READ", tonic::Code::Aborted));
    let mut again = place(&client, &unread.cursor).await;
    again.last = unread.last;
    again.read(EVENTS).await.unwrap();
}

/// The peer's one stream, once the one before has given its place back.
async fn place(client: &EventLogServiceClient<Channel>, cursor: &str) -> Frames {
    let place = async {
        loop {
            match watch(client, cursor).await {
                Ok(frames) => break frames,
                Err(reason) => assert_eq!(reason, "OVERLOADED"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), place).await.expect("the place is free")
}
