//! How far this service has applied the logs it follows, and waiting for it.

use std::time::Duration;

use fault::{Fault, Outcome, Reason};
use keyring::{KeyId, Keyring};
use proto::events::follow_service_server::{FollowService, FollowServiceServer};
use proto::events::{AwaitAppliedRequest, AwaitAppliedResponse};
use rpc::{remaining_time, respond};
use store::Store;
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status};
use types::ServiceName;

use crate::rows::query;

/// How often to look while somebody waits. Another replica may be the one that applies, so there is nobody to ask.
const LOOK: Duration = Duration::from_millis(5);
/// What is left of a call's time for the answer to travel.
const MARGIN: Duration = Duration::from_millis(100);

/// Reads how far the followed logs were applied, by whichever replica. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Followed {
    store: Store,
}

impl Followed {
    /// Over the service's own database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The position up to which a log was applied.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a log that this service does not follow; UNAVAILABLE when the database does not answer.
    pub async fn applied(&self, log: ServiceName) -> Outcome<i64> {
        const SQL: &str = "\
-- followed::applied
SELECT position FROM log_cursor WHERE log = $1";
        let rows = query(&self.store, SQL, &[&log.as_str()]).await?;
        let row = rows.first().ok_or_else(|| Fault::field("log", "is not followed by this service"))?;
        Ok(row.try_get(0).map_err(store::StoreError::from)?)
    }

    /// Which key of which service each kept cursor was made under: that service's key must stay as long as the cursor may be
    /// used.
    ///
    /// # Errors
    /// UNAVAILABLE when the database does not answer.
    pub async fn cursor_keys(&self) -> Outcome<Vec<(String, KeyId)>> {
        const SQL: &str = "\
-- followed::cursor_keys
SELECT log, cursor FROM log_cursor WHERE cursor <> '' ORDER BY log";
        let mut keys = Vec::new();
        for row in query(&self.store, SQL, &[]).await? {
            let log: String = row.try_get(0).map_err(store::StoreError::from)?;
            let cursor: &str = row.try_get(1).map_err(store::StoreError::from)?;
            if let Ok(key_id) = Keyring::token_made_under(cursor) {
                keys.push((log, key_id));
            }
        }
        Ok(keys)
    }

    /// Waits until a log was applied up to `position`; answers how far it was. Cancellation is harmless.
    ///
    /// # Errors
    /// NOT_YET_IN_FORCE when `time` is over; as [`Self::applied`].
    pub async fn await_applied(&self, log: ServiceName, position: i64, time: Duration) -> Outcome<i64> {
        let wait = async {
            loop {
                let applied = self.applied(log).await?;
                if applied >= position {
                    return Ok(applied);
                }
                sleep(LOOK).await;
            }
        };
        timeout(time, wait).await.unwrap_or_else(|_| Err(Reason::NotYetInForce.into()))
    }
}

/// `countersign.events.v1.FollowService`.
#[must_use]
pub fn follow_service(followed: Followed) -> FollowServiceServer<FollowRpc> {
    FollowServiceServer::new(FollowRpc { followed })
}

/// The service over [`Followed`].
#[derive(Debug, Clone)]
pub struct FollowRpc {
    followed: Followed,
}

impl FollowRpc {
    async fn answer(&self, request: AwaitAppliedRequest) -> Outcome<AwaitAppliedResponse> {
        let log = wire::id("log", &request.log)?;
        let time = remaining_time().saturating_sub(MARGIN);
        let position = self.followed.await_applied(log, request.position, time).await?;
        Ok(AwaitAppliedResponse { position })
    }
}

#[tonic::async_trait]
impl FollowService for FollowRpc {
    async fn await_applied(
        &self,
        request: Request<AwaitAppliedRequest>,
    ) -> Result<Response<AwaitAppliedResponse>, Status> {
        respond(self.answer(request.into_inner()).await)
    }
}
