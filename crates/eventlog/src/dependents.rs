//! Acknowledged means in force: waiting until the services that depend on this one have applied what was committed.

use std::time::Duration;

use fault::{Fault, Outcome, Reason};
use futures::future::try_join_all;
use proto::events::AwaitAppliedRequest;
use proto::events::follow_service_client::FollowServiceClient;
use rpc::{PeerChannel, remaining_time};
use tokio::time::{sleep, timeout};
use types::{EventId, ServiceName};

use crate::Log;
use crate::follow::Upstream;

/// The longest wait, whatever the caller allows.
const LONGEST: Duration = Duration::from_secs(10);
/// What is left of the call's time for the answer to travel.
const MARGIN: Duration = Duration::from_millis(200);
/// How long to wait before a dependent that did not answer is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// The services that follow this one's log and must have applied a change before its caller hears OK.
#[derive(Debug, Clone)]
pub struct Dependents<C = PeerChannel> {
    service: ServiceName,
    log: Log,
    channels: Vec<(ServiceName, C)>,
}

impl<C: Upstream> Dependents<C> {
    /// The dependents of `service`, whose log is `log`.
    #[must_use]
    pub fn new(service: ServiceName, log: Log, channels: Vec<(ServiceName, C)>) -> Self {
        Self { service, log, channels }
    }

    /// Waits until every dependent has applied an event that was committed, within the time that is left of the present
    /// call, at most ten seconds. Cancellation is harmless: the event takes effect anyway.
    ///
    /// # Errors
    /// NOT_YET_IN_FORCE: the change stands, but not everybody has applied it in time; ask again with the same
    /// `request_id`.
    pub async fn await_in_force(&self, event_id: EventId) -> Outcome<()> {
        let time = remaining_time().saturating_sub(MARGIN).min(LONGEST);
        let wait = async {
            let position = self.log.position_of(event_id, time).await?;
            let waits = self.channels.iter().map(|(name, channel)| self.await_one(*name, channel, position));
            try_join_all(waits).await
        };
        match timeout(time, wait).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) if fault.reason() == Reason::NotYetInForce => Err(fault),
            Ok(Err(fault)) => Err(Fault::new(Reason::NotYetInForce).with_cause(fault)),
            Err(elapsed) => Err(Fault::new(Reason::NotYetInForce).with_cause(elapsed)),
        }
    }

    /// Asks until there is an answer: a replica may be restarting, and another one takes over.
    async fn await_one(&self, name: ServiceName, channel: &C, position: i64) -> Outcome<()> {
        let mut client = FollowServiceClient::new(channel.clone());
        loop {
            let request = AwaitAppliedRequest { log: self.service.to_string(), position };
            match client.await_applied(request).await {
                Ok(_) => return Ok(()),
                Err(status) => {
                    let fault = rpc::fault_from_status(status);
                    tracing::debug!(dependent = %name, position, %fault, "has not applied it yet");
                }
            }
            sleep(AGAIN).await;
        }
    }
}
