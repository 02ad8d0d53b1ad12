//! How much guessing is borne, and how far a phone's clock may be off: configurable within bounds that stay safe, and safe by
//! default. Nobody can configure a lock, or the budget, away.

use std::ops::RangeInclusive;

use time::Duration;

/// Consecutive wrong codes that lock.
pub(crate) const CONSECUTIVE: RangeInclusive<i64> = 3..=10;
/// Seconds of the first lock.
pub(crate) const FIRST_LOCK: RangeInclusive<i64> = 60..=3_600;
/// Seconds of the longest lock.
pub(crate) const LONGEST_LOCK: RangeInclusive<i64> = 600..=86_400;
/// Failures within the window that lock until an administrator acts.
pub(crate) const BUDGET: RangeInclusive<i64> = 20..=100;
/// Failures within the window after which somebody else is likely to know the password.
pub(crate) const SUSPICION: RangeInclusive<i64> = 10..=50;
/// Time steps either way (R13).
pub(crate) const STEP_WINDOW: RangeInclusive<i64> = 1..=2;

/// What a service is told, before it is known to be within the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Consecutive wrong codes that lock.
    pub(crate) consecutive: i64,
    /// Seconds of the first lock.
    pub(crate) first_lock: i64,
    /// Seconds of the longest.
    pub(crate) longest_lock: i64,
    /// Failures within the window that lock until an administrator acts.
    pub(crate) budget: i64,
    /// Failures within the window after which the password is suspected.
    pub(crate) suspicion: i64,
    /// Time steps either way.
    pub(crate) step_window: i64,
}

impl Asked {
    /// What holds where nothing else is asked for.
    pub(crate) const DEFAULT: Self = Self {
        consecutive: 5,
        first_lock: 60,
        longest_lock: 3_600,
        budget: 100,
        suspicion: 20,
        step_window: 1,
    };
}

/// The thresholds in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// So many consecutive wrong codes lock.
    pub(crate) consecutive: i32,
    /// The first lock; each further one is twice as long.
    first_lock: Duration,
    /// The longest lock.
    longest_lock: Duration,
    /// So many failures in the window lock until an administrator unlocks or resets; success does not clear them.
    pub(crate) budget: usize,
    /// At so many failures in the window the password is suspected.
    pub(crate) suspicion: usize,
    /// How many time steps a phone's clock may be off, either way.
    pub(crate) step_window: i64,
}

/// A threshold that is not between its bounds, or not above another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} must be between {least} and {most}, not {asked}")]
pub(crate) struct OutOfBounds {
    setting: &'static str,
    least: i64,
    most: i64,
    asked: i64,
}

impl Thresholds {
    /// How long a failure is remembered.
    pub(crate) const WINDOW: Duration = Duration::days(30);

    /// The thresholds asked for.
    ///
    /// # Errors
    /// One is out of its bounds; the longest lock would be shorter than the first; the budget would be used up before the
    /// password is suspected.
    pub(crate) fn within_bounds(asked: Asked) -> Result<Self, OutOfBounds> {
        let Asked { consecutive, first_lock, longest_lock, budget, suspicion, step_window } = asked;
        bounded("codes-before-lock", consecutive, &CONSECUTIVE)?;
        bounded("first-lock-seconds", first_lock, &FIRST_LOCK)?;
        bounded("longest-lock-seconds", longest_lock, &LONGEST_LOCK)?;
        bounded("longest-lock-seconds", longest_lock, &(first_lock..=*LONGEST_LOCK.end()))?;
        bounded("wrong-codes-budget", budget, &BUDGET)?;
        bounded("wrong-codes-suspicion", suspicion, &SUSPICION)?;
        bounded("wrong-codes-suspicion", suspicion, &(*SUSPICION.start()..=budget))?;
        bounded("step-window", step_window, &STEP_WINDOW)?;
        Ok(Self {
            // Bounded above: none of them is cut.
            consecutive: i32::try_from(consecutive).unwrap_or(5),
            first_lock: Duration::seconds(first_lock),
            longest_lock: Duration::seconds(longest_lock),
            budget: usize::try_from(budget).unwrap_or(100),
            suspicion: usize::try_from(suspicion).unwrap_or(20),
            step_window,
        })
    }

    /// How long the lock lasts that follows `level` others without a success in between.
    #[must_use]
    pub(crate) fn lock_length(&self, level: i32) -> Duration {
        let doublings = u32::try_from(level.clamp(0, 16)).unwrap_or(0);
        self.first_lock.saturating_mul(1 << doublings).min(self.longest_lock)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            consecutive: 5,
            first_lock: Duration::minutes(1),
            longest_lock: Duration::hours(1),
            budget: 100,
            suspicion: 20,
            step_window: 1,
        }
    }
}

fn bounded(setting: &'static str, asked: i64, bounds: &RangeInclusive<i64>) -> Result<(), OutOfBounds> {
    let (least, most) = (*bounds.start(), *bounds.end());
    if bounds.contains(&asked) { Ok(()) } else { Err(OutOfBounds { setting, least, most, asked }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_by_default_is_what_holds_by_default() {
        assert_eq!(Thresholds::within_bounds(Asked::DEFAULT), Ok(Thresholds::default()));
    }

    #[test]
    fn nothing_out_of_bounds_is_accepted() {
        let usual = Asked::DEFAULT;
        for (asked, is_accepted) in [
            (Asked { consecutive: 3, ..usual }, true),
            (Asked { consecutive: 10, ..usual }, true),
            (Asked { consecutive: 2, ..usual }, false),
            (Asked { consecutive: 11, ..usual }, false),
            (Asked { first_lock: 59, ..usual }, false),
            (Asked { first_lock: 3_600, ..usual }, true),
            (Asked { first_lock: 3_601, longest_lock: 86_400, ..usual }, false),
            (Asked { longest_lock: 599, ..usual }, false),
            (Asked { longest_lock: 86_401, ..usual }, false),
            (Asked { first_lock: 1_800, longest_lock: 900, ..usual }, false),
            (Asked { budget: 20, ..usual }, true),
            (Asked { budget: 19, ..usual }, false),
            (Asked { budget: 101, ..usual }, false),
            (Asked { suspicion: 9, ..usual }, false),
            (Asked { suspicion: 50, ..usual }, true),
            (Asked { suspicion: 51, ..usual }, false),
            (Asked { budget: 20, suspicion: 21, ..usual }, false),
            (Asked { step_window: 0, ..usual }, false),
            (Asked { step_window: 2, ..usual }, true),
            (Asked { step_window: 3, ..usual }, false),
            (Asked { consecutive: i64::MAX, ..usual }, false),
            (Asked { budget: -1, ..usual }, false),
        ] {
            assert_eq!(Thresholds::within_bounds(asked).is_ok(), is_accepted, "{asked:?}");
        }
    }

    #[test]
    fn locks_double_up_to_the_longest() {
        let asked = Asked { first_lock: 120, longest_lock: 1_000, ..Asked::DEFAULT };
        let thresholds = Thresholds::within_bounds(asked).unwrap();
        let lengths: Vec<i64> =
            [0, 1, 2, 3, 4, 99, i32::MAX].map(|level| thresholds.lock_length(level).whole_seconds()).to_vec();
        assert_eq!(lengths, [120, 240, 480, 960, 1_000, 1_000, 1_000]);
    }
}
