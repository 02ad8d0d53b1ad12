//! How far a phone's clock is off: seen at every accepted code, and remembered for the next (RFC 6238 §6).

use super::TimeStep;

/// How many steps the clock of a factor's phone was ahead of ours when its last code was accepted; behind, when negative.
///
/// It moves the window of accepted steps and never widens it. It is bounded by half the window, so that the window always
/// holds the right time: a phone whose clock is put right is never shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Drift(i16);

impl Drift {
    /// What is assumed of a phone that was never seen.
    pub(crate) const NONE: Self = Self(0);

    /// The drift that an accepted step shows, at a time that falls in `present`; `reach` is how many steps the window has
    /// either way.
    #[must_use]
    pub(crate) fn seen(accepted: TimeStep, present: TimeStep, reach: i64) -> Self {
        let steps = accepted.0.saturating_sub(present.0).clamp(-reach, reach);
        i16::try_from(steps).map_or(Self::NONE, Self)
    }

    /// As it is kept. What is out of all bounds is cut where it is used.
    #[must_use]
    pub(crate) const fn from_steps(steps: i16) -> Self {
        Self(steps)
    }

    /// To be kept.
    #[must_use]
    pub(crate) const fn steps(self) -> i16 {
        self.0
    }
}

/// The steps that are accepted at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    middle: TimeStep,
    reach: i64,
}

impl Window {
    /// The window around `present`, moved by the drift: `reach` steps either way.
    #[must_use]
    pub(crate) fn around(present: TimeStep, drift: Drift, reach: i64) -> Self {
        let moved = i64::from(drift.0).clamp(-reach, reach);
        Self { middle: TimeStep(present.0.saturating_add(moved)), reach }
    }

    /// Every step in it, in order; always the same number.
    pub(crate) fn steps(self) -> impl Iterator<Item = TimeStep> {
        let Self { middle: TimeStep(middle), reach } = self;
        (middle.saturating_sub(reach)..=middle.saturating_add(reach)).map(TimeStep)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRESENT: TimeStep = TimeStep(59_000_000);

    fn accepted(drift: Drift, reach: i64) -> Vec<i64> {
        Window::around(PRESENT, drift, reach).steps().map(|step| step.0 - PRESENT.0).collect()
    }

    #[test]
    fn the_window_moves_with_the_drift_and_keeps_its_width() {
        for (drift, reach, steps) in [
            (0, 1, vec![-1, 0, 1]),
            (1, 1, vec![0, 1, 2]),
            (-1, 1, vec![-2, -1, 0]),
            (2, 2, vec![0, 1, 2, 3, 4]),
            // A row of a time when the window was wider, or one that somebody tampered with.
            (2, 1, vec![0, 1, 2]),
            (i16::MIN, 1, vec![-2, -1, 0]),
        ] {
            assert_eq!(accepted(Drift::from_steps(drift), reach), steps, "{drift} {reach}");
        }
    }

    #[test]
    fn a_phone_that_runs_away_is_followed_and_lost_at_the_bound() {
        let mut drift = Drift::NONE;
        let mut followed = Vec::new();
        for offset in 0..=4 {
            if accepted(drift, 1).contains(&offset) {
                drift = Drift::seen(TimeStep(PRESENT.0 + offset), PRESENT, 1);
                followed.push(offset);
            }
        }
        assert_eq!((followed, drift), (vec![0, 1, 2], Drift(1)));
        // And it is found again when its clock is put right.
        assert!(accepted(drift, 1).contains(&0));
    }

    proptest! {
        /// Whatever codes are accepted, the window keeps its width, holds the right time, and holds the step that was accepted
        /// last: a code sent twice at once is recognised as a replay and does not count as a guess.
        #[test]
        fn the_window_is_bounded(offsets in proptest::collection::vec(-6i64..=6, 0..60), reach in 1i64..=2) {
            let mut drift = Drift::NONE;
            for offset in offsets {
                let window = accepted(drift, reach);
                prop_assert_eq!(window.len(), usize::try_from(2 * reach + 1).unwrap());
                prop_assert!(window.contains(&0));
                if window.contains(&offset) {
                    drift = Drift::seen(TimeStep(PRESENT.0 + offset), PRESENT, reach);
                    prop_assert!(accepted(drift, reach).contains(&offset));
                }
            }
        }
    }
}
