//! How much may be repeated: as long as most calls succeed. Repetitions must not be what keeps a peer down.

use std::sync::atomic::{AtomicI64, Ordering};

/// What a full measure is, in thousandths of a repetition.
const FULL: i64 = 100_000;
/// What a repetition costs.
const COST: i64 = 1_000;
/// What a call that succeeded brings back: one repetition for ten calls.
const GAIN: i64 = 100;

/// The measure of one peer's channel, as gRFC A6 has it: nothing is repeated while it is less than half full.
#[derive(Debug)]
pub(super) struct Throttle(AtomicI64);

impl Throttle {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(FULL))
    }

    /// A call succeeded.
    pub(super) fn succeeded(&self) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |measure| {
            (measure < FULL).then_some((measure + GAIN).min(FULL))
        });
    }

    /// A call failed; whether it may be repeated.
    pub(super) fn failed(&self) -> bool {
        let drained = |measure: i64| Some((measure - COST).max(0));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, drained).unwrap_or(0);
        before - COST >= FULL / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_end_where_nothing_succeeds_and_come_back_with_success() {
        let throttle = Throttle::new();
        let granted = (0..200).filter(|_| throttle.failed()).count();
        assert_eq!(granted, 50);
        for _ in 0..509 {
            throttle.succeeded();
        }
        assert!(!throttle.failed());
        for _ in 0..11 {
            throttle.succeeded();
        }
        assert!(throttle.failed());
    }
}
