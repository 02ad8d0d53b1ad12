//! The one budget of guesses a user has, whatever the guesses are for (RFC 4226 §7.3).

use clock::Timestamp;
use time::Duration;

/// So many consecutive wrong codes lock.
pub(crate) const CONSECUTIVE: i32 = 5;
/// The first lock; each further one is twice as long.
const FIRST_LOCK: Duration = Duration::minutes(1);
/// The longest lock.
const LONGEST_LOCK: Duration = Duration::hours(1);
/// How long a failure is remembered.
const WINDOW: Duration = Duration::days(30);
/// So many failures in the window lock until an administrator resets; success does not clear them.
const BUDGET: usize = 100;

/// A user's attempts so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attempts {
    /// Consecutive wrong codes since the last success or lock.
    pub(crate) wrong_codes: i32,
    /// How often it was locked since the last success.
    pub(crate) lock_level: i32,
    /// Until when nothing is evaluated.
    pub(crate) locked_until: Option<Timestamp>,
    /// Whether an attempt against the present lock was recorded already.
    pub(crate) lock_recorded: bool,
    /// Failures of the last 30 days, oldest first.
    pub(crate) recent_failures: Vec<Timestamp>,
    /// When the 30-day budget was used up.
    pub(crate) exhausted_time: Option<Timestamp>,
}

impl Attempts {
    /// Whether nothing may be evaluated at `now`.
    #[must_use]
    pub(crate) fn is_locked(&self, now: Timestamp) -> bool {
        self.exhausted_time.is_some() || self.locked_until.is_some_and(|until| now < until)
    }

    /// When the present lock ends; none when there is no lock, or only an administrator can end it.
    #[must_use]
    pub(crate) fn lock_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| self.exhausted_time.is_none() && now < *until)
    }

    /// Whether a success would change anything.
    #[must_use]
    pub(crate) fn is_clear(&self) -> bool {
        self.wrong_codes == 0 && self.lock_level == 0 && self.locked_until.is_none()
    }

    /// After one more wrong code.
    #[must_use]
    pub(crate) fn after_wrong(&self, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.recent_failures.retain(|at| *at > now - WINDOW);
        next.recent_failures.push(now);
        // Bounded whatever the row held.
        let surplus = next.recent_failures.len().saturating_sub(BUDGET);
        next.recent_failures.drain(..surplus);
        next.wrong_codes = self.wrong_codes.saturating_add(1);
        if next.recent_failures.len() >= BUDGET {
            next.exhausted_time = Some(now);
        }
        if next.wrong_codes >= CONSECUTIVE {
            next.locked_until = Some(now + lock_length(self.lock_level));
            next.lock_level = self.lock_level.saturating_add(1);
            next.wrong_codes = 0;
        }
        if next.is_locked(now) {
            next.lock_recorded = false;
        }
        next
    }

    /// After a success. The failures of the window stay.
    #[must_use]
    pub(crate) fn after_success(&self) -> Self {
        Self {
            recent_failures: self.recent_failures.clone(),
            exhausted_time: self.exhausted_time,
            ..Self::default()
        }
    }
}

fn lock_length(level: i32) -> Duration {
    let doublings = u32::try_from(level.clamp(0, 16)).unwrap_or(0);
    FIRST_LOCK.saturating_mul(1 << doublings).min(LONGEST_LOCK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const START: Timestamp = datetime!(2026-01-01 00:00 UTC);

    fn wrong(attempts: &Attempts, times: usize, now: Timestamp) -> Attempts {
        (0..times).fold(attempts.clone(), |attempts, _| attempts.after_wrong(now))
    }

    #[test]
    fn five_in_a_row_lock_for_a_time_that_doubles_up_to_an_hour() {
        let (mut attempts, mut now) = (Attempts::default(), START);
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            attempts = wrong(&attempts, 4, now);
            assert!(!attempts.is_locked(now));
            attempts = wrong(&attempts, 1, now);
            let until = now + Duration::minutes(minutes);
            assert_eq!(attempts.locked_until, Some(until));
            assert!(attempts.is_locked(now) && attempts.is_locked(until - Duration::microseconds(1)));
            assert!(!attempts.is_locked(until));
            now = until;
        }
        let cleared = attempts.after_success();
        assert!(cleared.is_clear());
        assert_eq!(wrong(&cleared, 5, now).locked_until, Some(now + Duration::minutes(1)));
    }

    #[test]
    fn success_does_not_clear_the_thirty_day_budget() {
        let (mut attempts, mut now) = (Attempts::default(), START);
        for _ in 0..99 {
            attempts = attempts.after_wrong(now).after_success();
            now += Duration::hours(1);
        }
        assert!(!attempts.is_locked(now));
        attempts = attempts.after_wrong(now).after_success();
        assert!(attempts.is_locked(now + Duration::days(365)));

        let spread = (0..200).fold(Attempts::default(), |attempts, index| {
            attempts.after_wrong(START + Duration::hours(8 * index)).after_success()
        });
        assert!(!spread.is_locked(START + Duration::days(70)));
    }

    proptest! {
        /// However attempts come, no more than five are evaluated between two locks, and the row stays bounded.
        #[test]
        fn the_budget_is_a_bound(waits in proptest::collection::vec(0i64..7_200, 1..400)) {
            let (mut attempts, mut now, mut evaluated) = (Attempts::default(), START, 0);
            for wait in waits {
                now += Duration::seconds(wait);
                if attempts.is_locked(now) { continue; }
                evaluated += 1;
                attempts = attempts.after_wrong(now);
                if attempts.is_locked(now) { evaluated = 0; }
                prop_assert!(evaluated < CONSECUTIVE);
                prop_assert!(attempts.recent_failures.len() <= BUDGET);
            }
        }
    }
}
