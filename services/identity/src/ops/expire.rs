//! Removing what has been dead for long.

use clock::Timestamp;
use fault::Outcome;
use time::Duration;

use super::Identity;
use crate::store::expiry;

/// How long the dead are kept: a token that comes back meanwhile is still known, and its refusal recorded.
const KEPT: Duration = Duration::hours(24);
/// How many rows a transaction removes.
const BATCH: i64 = 1_000;

impl Identity {
    /// Removes sign-ins and sessions that were over long ago, in small transactions; how many. By a clock that is ahead they
    /// may be alive.
    ///
    /// # Errors
    /// CLOCK_NOT_TRUSTED; DEPENDENCY_UNAVAILABLE; what was removed until then stays removed.
    pub async fn expire(&self) -> Outcome<u64> {
        self.clock_guard.trusted()?;
        let before: Timestamp = self.clock.now() - KEPT;
        let mut removed = 0;
        loop {
            let rows = self
                .store
                .bookkeeping("expire", before, |unit, before| {
                    Box::pin(async move {
                        let sign_ins = expiry::remove_sign_ins(unit, *before, BATCH).await?;
                        Ok(sign_ins + expiry::remove_sessions(unit, *before, BATCH).await?)
                    })
                })
                .await?;
            removed += rows;
            if rows == 0 {
                return Ok(removed);
            }
        }
    }
}
