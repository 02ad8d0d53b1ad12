//! Following another service's log: each of its events takes effect exactly once, in its order.
//!
//! The cursor moves in the transaction that applies: what committed is never applied again, what did not commit is.
//! Several replicas may follow at once: each batch locks the cursor's row and skips what another one applied.

mod batch;
mod heard;
mod state;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::{SharedClock, Timestamp};
use fault::{Fault, Outcome, Reason};
use futures::FutureExt;
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::watch_events_response::Frame;
use proto::events::{Event, EventFilter, WatchEventsRequest, WatchEventsResponse};
use store::{Store, Unit};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::Streaming;
use types::ServiceName;

use batch::{Batch, Taken};
pub use heard::Heard;
pub use state::{Blocked, FollowerState};
pub use upstream::Upstream;

/// The most events applied in one transaction.
const BATCH: usize = 64;
/// A stream that says nothing for so long is dead: progress comes at least every five seconds.
const SILENCE: Duration = Duration::from_secs(15);
/// How long opening a stream may take.
const OPENING: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a service does with another's events.
#[async_trait]
pub trait Follow: Send + Sync + 'static {
    /// Whose log.
    fn log(&self) -> ServiceName;

    /// The types it wants; empty for all. A type that a later release adds is delivered from where the cursor stands then:
    /// what has passed does not come back.
    fn types(&self) -> &'static [&'static str];

    /// Whether an event of this type is applied in a transaction of its own, which holds no lock that another event took. Others
    /// share one, up to 64 of them, and hold their locks until all are applied: an event that locks several rows MUST be alone
    /// where anybody else locks the same rows, or the two may wait for each other.
    fn is_alone(&self, _event_type: &str) -> bool {
        false
    }

    /// Applies one event, within the transaction that moves the cursor. It may record events of its own.
    ///
    /// It MUST NOT wait for anything but the database. It runs again after an error, so it draws nothing random that must
    /// stay the same. An error blocks everything behind it: return one only where going on would be wrong. Facts carry versions;
    /// ignore what is older than what is known.
    ///
    /// # Errors
    /// The event cannot be applied (now).
    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()>;
}

/// A follower at work. It ends when this is dropped; what it was applying is rolled back.
#[derive(Debug)]
pub struct Follower {
    task: JoinHandle<()>,
    state: watch::Receiver<FollowerState>,
    heard: Heard,
    log: ServiceName,
}

impl Follower {
    /// Follows a log from the stored cursor on, for ever: it reconnects and tries again with growing pauses. Must be
    /// called within a tokio runtime.
    pub fn spawn(store: Store, clock: SharedClock, upstream: impl Upstream, follow: Arc<dyn Follow>) -> Self {
        let (told, state) = watch::channel(FollowerState::Interrupted);
        let (heard, log) = (Heard::default(), follow.log());
        let run = Run { store, clock, follow, state: told, heard: heard.clone() };
        Self { task: tokio::spawn(async move { run.forever(upstream).await }), state, heard, log }
    }

    /// How it is doing, as that changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<FollowerState> {
        self.state.clone()
    }

    /// When it last heard of its log.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Whose log it follows.
    #[must_use]
    pub fn log(&self) -> ServiceName {
        self.log
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run {
    store: Store,
    clock: SharedClock,
    follow: Arc<dyn Follow>,
    state: watch::Sender<FollowerState>,
    heard: Heard,
}

impl Run {
    async fn forever(&self, upstream: impl Upstream) {
        let log = self.follow.log();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let mut has_advanced = false;
            let Err(fault) = self.stream(upstream.clone(), &mut has_advanced).await;
            if has_advanced {
                pause = SHORTEST_PAUSE;
            }
            let cause = fault.cause().map(ToString::to_string);
            match fault.reason() {
                // Not cured by waiting: an operator must look.
                Reason::CursorOutdated | Reason::InvalidCursor => {
                    tracing::error!(%log, %fault, cause, "the log cannot be followed any further");
                    self.turn(FollowerState::Lost { log, reason: fault.reason() });
                }
                _ => {
                    tracing::warn!(%log, %fault, cause, "following is interrupted");
                    self.turn(FollowerState::Interrupted);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Follows one stream to its end.
    async fn stream(
        &self,
        upstream: impl Upstream,
        has_advanced: &mut bool,
    ) -> Outcome<std::convert::Infallible> {
        let log = self.follow.log();
        let (mut from, cursor) = batch::place(&self.store, log).await?;
        let filter = EventFilter {
            types: self.follow.types().iter().map(|name| (*name).to_owned()).collect(),
            ..EventFilter::default()
        };
        let mut client = EventLogServiceClient::new(upstream);
        let request = WatchEventsRequest { filter: Some(filter), cursor };
        let opened = timeout(OPENING, client.watch_events(request)).await.map_err(|_| silent())?;
        let mut frames = opened.map_err(rpc::fault_from_status)?.into_inner();
        self.turn(FollowerState::Following);
        loop {
            let (batch, end) = self.gather(&mut frames, from).await?;
            if batch.position > 0 {
                from = batch.position;
                for part in batch.split(|event| self.follow.is_alone(&event.r#type)) {
                    if self.apply(part).await == Taken::PlaceWentBack {
                        return Err(went_back());
                    }
                }
                *has_advanced = true;
            }
            if let Some(fault) = end {
                return Err(fault);
            }
        }
    }

    /// Waits for a frame, and takes what has arrived with it. When the stream ends behind some frames, those count.
    async fn gather(
        &self,
        frames: &mut Streaming<WatchEventsResponse>,
        from: i64,
    ) -> Outcome<(Batch, Option<Fault>)> {
        let first = timeout(SILENCE, frames.message()).await.map_err(|_| silent())?;
        let mut batch = Batch::after(from);
        batch.add(received(first)?)?;
        self.heard.now();
        while batch.events.len() < BATCH {
            let Some(frame) = frames.message().now_or_never() else { break };
            if let Err(fault) = received(frame).and_then(|frame| batch.add(frame)) {
                return Ok((batch, Some(fault)));
            }
        }
        Ok((batch, None))
    }

    /// Applies a batch, however long it takes. When it fails as a whole it is tried event by event, so that the log says
    /// which one blocks.
    async fn apply(&self, batch: Batch) -> Taken {
        let batch = Arc::new(batch);
        if let Ok(taken) = self.commit(Arc::clone(&batch)).await {
            return taken;
        }
        for part in Batch::clone(&batch).split(|_| true) {
            if self.apply_at_last(part).await == Taken::PlaceWentBack {
                return Taken::PlaceWentBack;
            }
            self.turn(FollowerState::Following);
        }
        Taken::Applied
    }

    async fn apply_at_last(&self, part: Batch) -> Taken {
        let part = Arc::new(part);
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.commit(Arc::clone(&part)).await {
                Ok(taken) => return taken,
                Err(fault) => self.is_held_up(&part, &fault).await,
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Says what holds up the log: an event, which an operator must look at, or a database that does not answer, which comes
    /// back.
    async fn is_held_up(&self, part: &Batch, fault: &Fault) {
        let (log, cause) = (self.follow.log(), fault.cause().map(ToString::to_string));
        let event = part.events.first();
        let (Some(event), Ok(())) = (event, self.store.ping().await) else {
            tracing::warn!(%log, position = part.position, %fault, cause, "nothing can be applied");
            self.turn(FollowerState::Interrupted);
            return;
        };
        tracing::error!(%log, position = event.position, event_id = event.id, event_type = event.r#type, %fault, cause,
            "an event cannot be applied; what follows it waits");
        let (event_id, event_type) = (event.id.clone(), event.r#type.clone());
        self.turn(FollowerState::Blocked(Blocked { log, position: event.position, event_id, event_type }));
    }

    fn turn(&self, state: FollowerState) {
        self.state.send_if_modified(|present| {
            let is_new = *present != state;
            *present = state;
            is_new
        });
    }

    async fn commit(&self, batch: Arc<Batch>) -> Outcome<Taken> {
        batch::commit(&self.store, Arc::clone(&self.follow), batch, self.clock.now()).await
    }
}

fn received(frame: Result<Option<WatchEventsResponse>, tonic::Status>) -> Outcome<Option<Frame>> {
    match frame.map_err(rpc::fault_from_status)? {
        Some(response) => Ok(response.frame),
        None => Err(Fault::new(Reason::DependencyUnavailable).with_message("the stream ended")),
    }
}

fn went_back() -> Fault {
    Fault::new(Reason::DependencyUnavailable)
        .with_message("the stored place in the log went back: it is followed from there")
}

fn silent() -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_message("the stream is silent")
}
