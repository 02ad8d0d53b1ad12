//! `WatchEvents`: a selection as it grows.
//!
//! The stream is read on demand: nothing is fetched before the caller has taken what came before, so a slow caller is
//! served from the table, is never dropped, and costs no memory.

use async_stream::stream;
use fault::{Fault, Outcome, Reason};
use futures::Stream;
use proto::events::watch_events_response::Frame;
use proto::events::{CaughtUp, Progress, WatchEventsRequest, WatchEventsResponse, WatchedEvent};
use rpc::{caller, into_status};
use store::StoreError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Request, Status};

use super::WatchOptions;
use super::scan::{STEP, step};
use crate::cursor::{Bound, Place};
use crate::filter::{Filter, Scope, Selection};
use crate::log::{Log, Watcher};
use crate::rows::{self, Placed};

/// Checks request and cursor, and begins the stream.
pub(super) async fn open(
    log: &Log,
    options: WatchOptions,
    request: Request<WatchEventsRequest>,
) -> Outcome<impl Stream<Item = Result<WatchEventsResponse, Status>> + Send + use<>> {
    let scope = Scope::of(&*caller(&request)?)?;
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
    let selection = Selection::resolve(log, &scope, &filter).await?;
    let expires = (!scope.is_service()).then(|| Instant::now() + options.user_lifetime);
    let watch = Watch { log: log.watcher(), bound, selection, epoch, changes, after, told: after };
    Ok(watch.frames(options, expires))
}

struct Watch {
    log: Watcher,
    bound: Bound,
    selection: Selection,
    epoch: i32,
    changes: watch::Receiver<i32>,
    /// Looked at up to here.
    after: i64,
    /// The position of the last cursor given out.
    told: i64,
}

impl Watch {
    fn frames(
        mut self,
        options: WatchOptions,
        expires: Option<Instant>,
    ) -> impl Stream<Item = Result<WatchEventsResponse, Status>> + Send {
        stream! {
            let mut head = self.log.head();
            let mut is_caught_up = false;
            let expiry = expires.unwrap_or_else(far_future);
            loop {
                let target = *head.borrow_and_update();
                while self.after < target {
                    if let Err(fault) = self.may_go_on(expiry) {
                        yield Err(into_status(fault));
                        return;
                    }
                    let step = match step(&self.log, &self.selection, self.after, target).await {
                        Ok(step) => step,
                        Err(error) => { yield Err(failed(error)); return; }
                    };
                    for row in &step.rows {
                        yield self.event(row).map_err(failed);
                    }
                    self.after = step.upto;
                    if self.after - self.told >= STEP {
                        yield self.progress().await.map_err(into_status);
                    }
                }
                if !is_caught_up {
                    is_caught_up = true;
                    yield self.caught_up().await.map_err(into_status);
                } else if self.told < self.after {
                    yield self.progress().await.map_err(into_status);
                }
                tokio::select! {
                    changed = head.changed() => if changed.is_err() {
                        yield Err(into_status(Reason::NotReady.into()));
                        return;
                    },
                    () = sleep(options.progress) => yield self.progress().await.map_err(into_status),
                    () = sleep_until(expiry) => {}
                }
                if let Err(fault) = self.may_go_on(expiry) {
                    yield Err(into_status(fault));
                    return;
                }
            }
        }
    }

    /// # Errors
    /// TOKEN_INVALID when a user's stream has lived an access token's life: open it again, with the last cursor and a
    /// fresh token. CURSOR_OUTDATED when the log was re-baselined meanwhile.
    fn may_go_on(&self, expiry: Instant) -> Outcome<()> {
        if Instant::now() >= expiry {
            return Err(Reason::TokenInvalid.into());
        }
        let present = *self.changes.borrow();
        // 0: not looked at yet.
        if present != 0 && present != self.epoch {
            return Err(Reason::CursorOutdated.into());
        }
        Ok(())
    }

    fn event(&mut self, row: &Placed) -> Result<WatchEventsResponse, StoreError> {
        self.told = row.position;
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
        self.told = self.after;
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
    Instant::now() + std::time::Duration::from_secs(60 * 60 * 24 * 365)
}
