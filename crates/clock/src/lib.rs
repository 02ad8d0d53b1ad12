//! The product's only source of time.
//!
//! Everything that needs "now" takes a [`Clock`], so that a test can hold time still or move it by a year.
//! Nothing here sleeps; waiting is tokio's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;

/// A point in time, always in UTC.
pub type Timestamp = OffsetDateTime;

/// A clock that can be asked for the present time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present time in UTC, truncated to microseconds: what PostgreSQL's `timestamptz` can hold.
    fn now(&self) -> Timestamp;
}

/// A clock shared by all parts of a service.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, ready to be shared.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        truncate(OffsetDateTime::now_utc())
    }
}

/// A clock that moves only when told to; clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    microseconds: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(to_microseconds(start))) }
    }

    /// Moves the clock by `step` (which may be negative: real clocks jump back, too).
    pub fn advance(&self, step: time::Duration) {
        let step = i64::try_from(step.whole_microseconds()).unwrap_or(i64::MAX);
        self.microseconds.fetch_add(step, Ordering::SeqCst);
    }

    /// The same clock as a trait object.
    #[must_use]
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let nanoseconds = i128::from(self.microseconds.load(Ordering::SeqCst)) * 1_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

fn truncate(instant: OffsetDateTime) -> OffsetDateTime {
    let microsecond = instant.microsecond();
    instant.replace_microsecond(microsecond).unwrap_or(instant)
}

fn to_microseconds(instant: OffsetDateTime) -> i64 {
    i64::try_from(instant.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_clones_share_it() {
        let clock = ManualClock::at(time::macros::datetime!(2038-01-20 00:00:00.5 UTC));
        let other = clock.clone();
        assert_eq!(clock.now(), other.now());
        other.advance(time::Duration::seconds(30));
        assert_eq!(clock.now(), time::macros::datetime!(2038-01-20 00:00:30.5 UTC));
    }

    #[test]
    fn the_system_clock_holds_no_more_than_postgresql_can_store() {
        assert_eq!(SystemClock.now().nanosecond() % 1_000, 0);
    }
}
