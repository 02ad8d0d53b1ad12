//! The RPCs of the event log: the wire on one side, selections and positions on the other.

mod attended;
mod list;
mod page;
mod scan;
mod streams;
mod vigil;
mod watch;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fault::{Outcome, Reason};
use futures::Stream;
use proto::events::event_log_service_server::{EventLogService, EventLogServiceServer};
use proto::events::{
    GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse, WatchEventsRequest,
    WatchEventsResponse,
};
use rpc::{caller, ends_by_itself, into_status, respond};
use tonic::{Request, Response, Status};
use types::EventId;

use crate::filter::Scope;
use crate::log::Log;
use crate::places::Places;
use crate::rows;
use streams::Streams;

/// How watches behave over time, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// A progress frame at least so often, also when nothing happens.
    pub progress: Duration,
    /// How long a user's stream lives before it must be opened again: an access token's lifetime.
    pub user_lifetime: Duration,
    /// How often a user's stream asks whether its session lives and its user still is who they were.
    pub check: Duration,
    /// How long a user's stream waits for that answer, showing nothing, before it ends.
    pub patience: Duration,
    /// How long a stream is held for a caller that takes nothing of what is there for it.
    pub untaken: Duration,
    /// How many watches one user may have at once, in whatever sessions.
    pub per_user: usize,
    /// How many watches one peer may have at once, for whomever.
    pub per_peer: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            progress: Duration::from_secs(5),
            user_lifetime: Duration::from_secs(300),
            check: Duration::from_secs(1),
            patience: Duration::from_secs(4),
            untaken: Duration::from_secs(60),
            per_user: 8,
            per_peer: 1_024,
        }
    }
}

/// `countersign.events.v1.EventLogService` over a log.
#[must_use]
pub fn event_log_service(log: Log, places: impl Places) -> EventLogServiceServer<EventLog> {
    EventLogServiceServer::new(EventLog::new(log, places, WatchOptions::default()))
}

/// The service of one log.
#[derive(Clone)]
pub struct EventLog {
    log: Log,
    places: Arc<dyn Places>,
    watch: WatchOptions,
    streams: Streams,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, places: _, watch, streams: _ } = self;
        formatter.debug_struct("EventLog").field("log", log).field("watch", watch).finish_non_exhaustive()
    }
}

impl EventLog {
    /// A service whose watches behave as told.
    #[must_use]
    pub fn new(log: Log, places: impl Places, watch: WatchOptions) -> Self {
        Self { log, places: Arc::new(places), watch, streams: Streams::default() }
    }

    async fn get(&self, request: Request<GetEventRequest>) -> Outcome<GetEventResponse> {
        let scope = Scope::of(&*caller(&request)?)?;
        let id: EventId = wire::id("event_id", &request.get_ref().event_id)?;
        let row = rows::by_event(self.log.reads(), id.uuid()).await?;
        let row = row.filter(|row| scope.sees(row)).ok_or(Reason::NotFound)?;
        Ok(GetEventResponse { event: Some(row.to_wire()?) })
    }
}

#[tonic::async_trait]
impl EventLogService for EventLog {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        respond(list::list(&self.log, &*self.places, request).await)
    }

    async fn get_event(
        &self,
        request: Request<GetEventRequest>,
    ) -> Result<Response<GetEventResponse>, Status> {
        respond(self.get(request).await)
    }

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let opened = watch::open(&self.log, &*self.places, (self.watch, &self.streams), request).await;
        let watch = opened.map_err(into_status)?;
        Ok(ends_by_itself(Response::new(Box::pin(watch))))
    }
}
