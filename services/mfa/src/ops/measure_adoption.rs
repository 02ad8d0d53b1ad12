//! How far MFA has come in the whole tree, for those who look at metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fault::Outcome;
use telemetry::{KeyValue, metrics, names};
use tokio::time::{MissedTickBehavior, interval};

use super::Mfa;
use super::get_adoption::Adoption;
use crate::store::organization;

/// How often.
const EVERY: Duration = Duration::from_secs(30);

/// What was found last; none until the provider is known here.
type Found = Arc<Mutex<Option<Adoption>>>;

impl Mfa {
    /// Keeps the figures of the whole tree for whoever reads metrics, until it is dropped.
    pub(crate) async fn measure_adoption_forever(&self) {
        let found = Found::default();
        observe(Arc::clone(&found));
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.whole_adoption().await {
                Ok(adoption) => *found.lock().unwrap_or_else(PoisonError::into_inner) = adoption,
                Err(fault) => tracing::debug!(%fault, "could not count how far MFA has come"),
            }
        }
    }

    async fn whole_adoption(&self) -> Outcome<Option<Adoption>> {
        match organization::provider(&self.store).await? {
            Some(path) => self.adoption_of(path).await.map(Some),
            None => Ok(None),
        }
    }
}

fn observe(found: Found) {
    let about = "Users by how far they have come with MFA, of the whole tree";
    metrics::observe(names::METRIC_ADOPTION, "", about, move |tell| {
        let Some(adoption) = *found.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let counts = adoption.counts;
        for (state, users) in [
            ("enforced", counts.enforced),
            ("enrolled", counts.enrolled),
            ("pending", counts.pending),
            ("overdue", counts.overdue),
            ("locked", adoption.locked),
            ("exempt", counts.external),
        ] {
            // Users are counted in millions, not beyond.
            let users = u32::try_from(users).map_or(f64::from(u32::MAX), f64::from);
            tell(users, &[KeyValue::new(names::STATE, state)]);
        }
    });
}
