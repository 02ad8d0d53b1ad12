//! Refusals that leave no event of their own, and the event that sums them up.

use std::sync::{Mutex, PoisonError};

use clock::Timestamp;
use eventlog::Act;
use fault::Outcome;
use store::{Recorded, Unit};
use types::{OrganizationPath, ServiceName};

use super::Identity;
use crate::domain::refusal_counts::{Cause, Count, RefusalCounts};
use crate::store::{events, organizations};

/// Counts in memory alone: what it counts must cost nothing. A process that is killed loses what it has not summed up, at
/// most a minute's.
#[derive(Debug, Default)]
pub struct RefusalCounter(Mutex<RefusalCounts>);

struct Summary {
    act: Act,
    provider: OrganizationPath,
    count: Count,
}

impl RefusalCounter {
    /// Counts one more.
    pub fn count(&self, cause: Cause, now: Timestamp) {
        self.with(|counts| counts.count(cause, now));
    }

    fn with<T>(&self, work: impl FnOnce(&mut RefusalCounts) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Identity {
    /// Records how many refusals there were since the last time, one event for each cause, in the provider's organisation:
    /// whose they would be is not looked up. What cannot be recorded stays counted.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub async fn summarize_refusals(&self) -> Outcome<()> {
        let counts = self.refusals.with(RefusalCounts::take);
        let mut outcome = Ok(());
        for count in counts {
            // One that fails leaves the others to be tried.
            if let Err(fault) = self.summarize(count).await {
                self.refusals.with(|counts| counts.add(count));
                outcome = Err(fault);
            }
        }
        outcome
    }

    async fn summarize(&self, count: Count) -> Outcome<()> {
        let Some(provider) = organizations::provider(&self.store).await? else {
            tracing::warn!(?count, "sign-ins were refused before there is any organisation");
            return Ok(());
        };
        let act = Act::by_service(ServiceName::Identity, self.clock.now());
        let summary = Summary { act, provider, count };
        self.store.unit("summarize_refusals", summary, |unit, summary| Box::pin(record(unit, summary))).await
    }
}

async fn record(unit: &mut Unit<'_>, summary: &Summary) -> Outcome<Recorded<()>> {
    let Summary { act, provider, count } = summary;
    Ok(unit.record(events::sign_in_refusals_counted(act, provider, count)).with(()))
}
