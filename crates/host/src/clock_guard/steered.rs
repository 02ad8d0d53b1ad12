//! A reference that a test steers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Timestamp};

use super::{ClockReference, NoReading, Reading};

/// What a test compares a clock with that stands still: that clock itself, shifted as far as the test says. Clones are
/// steered together. No service is ever configured with it.
#[derive(Debug, Clone, Default)]
pub struct SteeredReference {
    shift: Arc<AtomicI64>,
    silent: Arc<AtomicBool>,
}

impl SteeredReference {
    /// From now on this far ahead of the clock (negative: behind).
    pub fn shift(&self, ahead: time::Duration) {
        let milliseconds = i64::try_from(ahead.whole_milliseconds()).unwrap_or(i64::MAX);
        self.shift.store(milliseconds, Ordering::SeqCst);
    }

    /// From now on silent, or not any more.
    pub fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }
}

#[async_trait]
impl ClockReference for SteeredReference {
    fn name(&self) -> &'static str {
        "steered"
    }

    async fn read(&self, clock: &dyn Clock) -> Result<Reading, NoReading> {
        if self.silent.load(Ordering::SeqCst) {
            return Err(NoReading::failed("silent"));
        }
        let now: Timestamp = clock.now();
        let reference = now + time::Duration::milliseconds(self.shift.load(Ordering::SeqCst));
        Ok(Reading { before: now, reference, after: now })
    }
}

/// Other references than the usual ones, and how often they are looked at.
#[derive(Debug, Clone)]
pub struct ClockReferences {
    /// The references, instead of PostgreSQL and NTP.
    pub references: Vec<Arc<dyn ClockReference>>,
    /// How often the clock is compared with them, trusted or not.
    pub every: Duration,
}

impl From<SteeredReference> for ClockReferences {
    fn from(reference: SteeredReference) -> Self {
        Self { references: vec![Arc::new(reference)], every: Duration::from_millis(50) }
    }
}
