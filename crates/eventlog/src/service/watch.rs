//! `WatchEvents`: a selection as it grows.
//!
//! The stream is read on demand: nothing is fetched before the caller has taken what came before, so a slow caller is
//! served from the table, is not dropped, and costs no memory. One that takes nothing at all any more is let go: what was
//! there for it is still there when it comes back with its cursor.

use std::time::Duration;

use async_stream::stream;
use fault::{Fault, Outcome, Reason};
use futures::Stream;
use proto::events::watch_events_response::Frame;
use proto::events::{CaughtUp, Progress, WatchEventsRequest, WatchEventsResponse, WatchedEvent};
use rpc::{Draining, caller, draining, into_status, liveness};
use store::StoreError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Status};

use super::WatchOptions;
use super::attended::attended;
use super::scan::{STEP, step};
use super::streams::{OneStream, Streams};
use super::vigil::Vigil;
use crate::cursor::{Bound, Place};
use crate::filter::{Filter, Scope, Selection};
use crate::log::{Log, Watcher};
use crate::places::Places;
use crate::rows::{self, Placed};

/// Checks request and cursor, and begins the stream: one of those the caller may have.
pub(super) async fn open(
    log: &Log,
    places: &dyn Places,
    (options, streams): (WatchOptions, &Streams),
    request: Request<WatchEventsRequest>,
) -> Outcome<impl Stream<Item = Result<WatchEventsResponse, Status>> + Send + use<>> {
    let caller = caller(&request)?;
    let scope = Scope::of(&caller)?;
    let stream = streams.enter(&caller, options)?;
    let vigil = Vigil::over(&caller, liveness(&request), options)?;
    let draining = draining(&request);
    let request = request.into_inner();
    let filter = Filter::parse(request.filter.unwrap_or_default())?;
    let bound = Bound::to_watch(log.service(), &scope, &filter);
    // Subscribed before it is read, so that no change is missed.
    let changes = log.epoch();
    let (_, epoch) = rows::head(log.reads()).await?;
    let after = match request.cursor.as_str() {
        "" => 0,
        text => {
            let place = bound.read_cursor(log.keyring(), text)?;
            place.check(log, epoch).await?;
            place.position
        }
    };
    let selection = Selection::resolve(log, places, &scope, &filter).await?;
    let expiry = vigil.as_ref().map_or_else(far_future, |_| Instant::now() + options.user_lifetime);
    let log = log.watcher();
    let watch = Watch {
        log,
        bound,
        selection,
        vigil,
        expiry,
        epoch,
        changes,
        after,
        told: after,
        told_at: Instant::now(),
        progress: options.progress,
        draining,
        _stream: stream,
    };
    Ok(attended(watch.frames(), options.untaken))
}

struct Watch {
    log: Watcher,
    bound: Bound,
    selection: Selection,
    /// Over the user's session; none over a service.
    vigil: Option<Vigil>,
    expiry: Instant,
    epoch: i32,
    changes: watch::Receiver<i32>,
    /// Looked at up to here.
    after: i64,
    /// The position of the last cursor given out, and when that was.
    told: i64,
    told_at: Instant,
    /// The longest silence.
    progress: Duration,
    /// The end of this server.
    draining: Draining,
    /// Held as long as this lives.
    _stream: OneStream,
}

impl Watch {
    fn frames(mut self) -> impl Stream<Item = Result<WatchEventsResponse, Status>> + Send {
        stream! {
            let mut head = self.log.head();
            let mut is_caught_up = false;
            loop {
                let target = *head.borrow_and_update();
                while self.after < target {
                    let step = match step(&self.log, &self.selection, self.after, target).await {
                        Ok(step) => step,
                        Err(error) => { yield Err(failed(error)); return; }
                    };
                    for row in &step.rows {
                        // Also within a step: a slow caller takes its time over one.
                        if let Err(fault) = self.may_go_on().await {
                            yield Err(into_status(fault));
                            return;
                        }
                        yield self.event(row).map_err(failed);
                    }
                    self.after = step.upto;
                    if let Err(fault) = self.may_go_on().await {
                        yield Err(into_status(fault));
                        return;
                    }
                    if self.draining.has_begun() {
                        break;
                    }
                    if self.after - self.told >= STEP {
                        yield self.progress().await.map_err(into_status);
                    }
                }
                if self.draining.has_begun() {
                    // The last word is where to go on, on another replica.
                    yield self.progress().await.map_err(into_status);
                    yield Err(into_status(Reason::NotReady.into()));
                    return;
                }
                if !is_caught_up {
                    is_caught_up = true;
                    yield self.caught_up().await.map_err(into_status);
                } else if self.told < self.after || self.is_silent() {
                    yield self.progress().await.map_err(into_status);
                }
                tokio::select! {
                    changed = head.changed() => if changed.is_err() {
                        yield Err(into_status(Reason::NotReady.into()));
                        return;
                    },
                    () = sleep_until(self.next_look()) => {}
                    () = self.draining.begun() => {}
                }
                if let Err(fault) = self.may_go_on().await {
                    yield Err(into_status(fault));
                    return;
                }
            }
        }
    }

    /// Whether the next frame may be given out; asks for the session when that is due.
    ///
    /// # Errors
    /// TOKEN_INVALID when the session has ended, its user has another role or organisation, or a user's stream has lived an
    /// access token's life: open it again, with the last cursor and a fresh token. DEPENDENCY_UNAVAILABLE when the session
    /// cannot be asked for. CURSOR_OUTDATED when the log was re-baselined meanwhile.
    async fn may_go_on(&mut self) -> Outcome<()> {
        if Instant::now() >= self.expiry {
            return Err(Reason::TokenInvalid.into());
        }
        if let Some(vigil) = &mut self.vigil {
            vigil.keep().await?;
        }
        let present = *self.changes.borrow();
        // 0: not looked at yet.
        if present != 0 && present != self.epoch {
            return Err(Reason::CursorOutdated.into());
        }
        Ok(())
    }

    /// When there is something to do though nothing happens.
    fn next_look(&self) -> Instant {
        let due = self.vigil.as_ref().map_or(self.expiry, Vigil::due);
        due.min(self.expiry).min(self.told_at + self.progress)
    }

    fn is_silent(&self) -> bool {
        self.told_at.elapsed() >= self.progress
    }

    fn tell(&mut self, position: i64) {
        self.told = position;
        self.told_at = Instant::now();
    }

    fn event(&mut self, row: &Placed) -> Result<WatchEventsResponse, StoreError> {
        self.tell(row.position);
        let place = Place { epoch: self.epoch, position: row.position, leaf_hash: row.leaf_hash };
        let cursor = self.bound.cursor(self.log.keyring(), place);
        Ok(response(Frame::Event(WatchedEvent { event: Some(row.to_wire()?), cursor })))
    }

    async fn progress(&mut self) -> Outcome<WatchEventsResponse> {
        let cursor = self.cursor().await?;
        Ok(response(Frame::Progress(Progress { cursor, position: self.after })))
    }

    async fn caught_up(&mut self) -> Outcome<WatchEventsResponse> {
        Ok(response(Frame::CaughtUp(CaughtUp { cursor: self.cursor().await? })))
    }

    /// A cursor for where the stream stands.
    async fn cursor(&mut self) -> Outcome<String> {
        self.tell(self.after);
        let leaf_hash = self.log.leaf_at(self.after).await?.ok_or(Reason::CursorOutdated)?;
        let place = Place { epoch: self.epoch, position: self.after, leaf_hash };
        Ok(self.bound.cursor(self.log.keyring(), place))
    }
}

fn response(frame: Frame) -> WatchEventsResponse {
    WatchEventsResponse { frame: Some(frame) }
}

fn failed(error: StoreError) -> Status {
    into_status(Fault::from(error))
}

/// A service's stream does not expire.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(60 * 60 * 24 * 365)
}
