//! Removing what is dead anyway; and every hour, telling what was only counted.

use std::time::Duration;

use fault::Outcome;
use tokio::time::{MissedTickBehavior, interval};

use super::Mfa;
use crate::store::{expiry, secret_alarm};

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// What expired is kept this long, so that nobody is in the middle of it and spent tickets can be looked up.
const KEPT: time::Duration = time::Duration::days(1);

impl Mfa {
    /// Removes enrolments and tickets that have been dead for a day, and as old marks of alarms and counts of calls; how many.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn expire(&self) -> Outcome<u64> {
        let before = self.clock.now() - KEPT;
        let work = self.store.bookkeeping("expire", before, |unit, before| {
            Box::pin(async move {
                let pending = expiry::delete_pending(unit, *before).await?;
                let calls = expiry::delete_enrollment_calls(unit, *before).await?;
                let alarms = secret_alarm::delete_old(unit, *before).await?;
                Ok(pending + calls + alarms + expiry::delete_tickets(unit, *before).await?)
            })
        });
        work.await
    }

    /// Does so every hour, until it is dropped.
    pub(crate) async fn expire_hourly(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.expire().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed expired enrolments and tickets"),
                Err(fault) => tracing::warn!(%fault, "could not remove expired enrolments and tickets"),
            }
            if let Err(fault) = self.tell_ended_locks().await {
                tracing::warn!(%fault, "could not tell of locks that have ended");
            }
        }
    }
}
