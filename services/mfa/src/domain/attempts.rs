//! The one budget of guesses a user has, whatever the guesses are for (RFC 4226 §7.3).

use clock::Timestamp;

use super::Thresholds;

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
    /// Attempts against the lock that were counted and not recorded.
    pub(crate) refused_while_locked: i32,
    /// Failures of the last 30 days, oldest first.
    pub(crate) recent_failures: Vec<Timestamp>,
    /// When the 30-day budget was used up.
    pub(crate) exhausted_time: Option<Timestamp>,
    /// Whether it was told that the password is suspected, for as long as the window's failures stay that many.
    pub(crate) suspicion_told: bool,
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
        self.wrong_codes == 0
            && self.lock_level == 0
            && self.locked_until.is_none()
            && self.refused_while_locked == 0
    }

    /// What was counted against the last lock, to be told now that it ends or has ended.
    #[must_use]
    pub(crate) fn hammered(&self) -> Option<Hammered> {
        (self.refused_while_locked > 0).then_some(Hammered {
            attempts: self.refused_while_locked,
            locked_until: self.locked_until.filter(|_| self.exhausted_time.is_none()),
        })
    }

    /// After what was counted against a lock has been told.
    #[must_use]
    pub(crate) fn after_telling(&self) -> Self {
        Self { refused_while_locked: 0, ..self.clone() }
    }

    /// After one more wrong code. What was counted against the last lock has been told by then.
    #[must_use]
    pub(crate) fn after_wrong(&self, now: Timestamp, thresholds: &Thresholds) -> Self {
        let mut next = self.after_telling();
        next.recent_failures.retain(|at| *at > now - Thresholds::WINDOW);
        next.suspicion_told &= next.recent_failures.len() >= thresholds.suspicion;
        next.recent_failures.push(now);
        // Bounded whatever the row held.
        let surplus = next.recent_failures.len().saturating_sub(thresholds.budget);
        next.recent_failures.drain(..surplus);
        next.wrong_codes = self.wrong_codes.saturating_add(1);
        if next.recent_failures.len() >= thresholds.budget {
            next.exhausted_time = Some(now);
        }
        if next.wrong_codes >= thresholds.consecutive {
            next.locked_until = Some(now + thresholds.lock_length(self.lock_level));
            next.lock_level = self.lock_level.saturating_add(1);
            next.wrong_codes = 0;
        }
        if next.is_locked(now) {
            next.lock_recorded = false;
        }
        next
    }

    /// Of attempts right after a wrong code: whether the failures of the window are so many that the password is suspected, and
    /// that was not told yet; now it is. True once on the way up, or once where less was made to suffice; again only after the
    /// window fell below, or where more is waited for by now and is there.
    #[must_use]
    pub(crate) fn raise_suspicion(&mut self, thresholds: &Thresholds) -> bool {
        let is_suspected = self.recent_failures.len() >= thresholds.suspicion;
        is_suspected && !std::mem::replace(&mut self.suspicion_told, true)
    }

    /// After a success. The failures of the window stay.
    #[must_use]
    pub(crate) fn after_success(&self) -> Self {
        Self {
            recent_failures: self.recent_failures.clone(),
            exhausted_time: self.exhausted_time,
            suspicion_told: self.suspicion_told,
            ..Self::default()
        }
    }
}

/// Attempts against a lock that were counted and not recorded one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hammered {
    /// How many.
    pub(crate) attempts: i32,
    /// When the lock ends or ended by itself; none when only an administrator could end it.
    pub(crate) locked_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::datetime;

    use super::super::thresholds::Asked;
    use super::*;

    const START: Timestamp = datetime!(2026-01-01 00:00 UTC);

    fn after_wrong(attempts: &Attempts, now: Timestamp) -> Attempts {
        attempts.after_wrong(now, &Thresholds::default())
    }

    fn wrong(attempts: &Attempts, times: usize, now: Timestamp) -> Attempts {
        (0..times).fold(attempts.clone(), |attempts, _| after_wrong(&attempts, now))
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
            attempts = after_wrong(&attempts, now).after_success();
            now += Duration::hours(1);
        }
        assert!(!attempts.is_locked(now));
        attempts = after_wrong(&attempts, now).after_success();
        assert!(attempts.is_locked(now + Duration::days(365)));

        let spread = (0..200).fold(Attempts::default(), |attempts, index| {
            after_wrong(&attempts, START + Duration::hours(8 * index)).after_success()
        });
        assert!(!spread.is_locked(START + Duration::days(70)));
    }

    #[test]
    fn suspicion_is_raised_once_on_the_way_up_and_again_after_the_window_fell_below() {
        let thresholds = Thresholds::default();
        let (mut attempts, mut now, mut raised) = (Attempts::default(), START, Vec::new());
        for number in 1..=40 {
            attempts = attempts.after_wrong(now, &thresholds);
            if attempts.raise_suspicion(&thresholds) {
                raised.push(number);
            }
            attempts = attempts.after_success();
            now += Duration::minutes(1);
        }
        assert_eq!(raised, [20]);
        // All forgotten but the last ten: the window is below, and ten more raise it again.
        now = START + Thresholds::WINDOW + Duration::minutes(29);
        for number in 1..=15 {
            attempts = attempts.after_wrong(now, &thresholds);
            if attempts.raise_suspicion(&thresholds) {
                raised.push(number);
            }
            attempts = attempts.after_success();
        }
        assert_eq!(raised, [20, 10]);
    }

    #[test]
    fn suspicion_that_less_suffices_for_is_raised_with_the_next_wrong_code_and_not_twice() {
        let suspecting =
            |suspicion| Thresholds::within_bounds(Asked { suspicion, ..Asked::DEFAULT }).unwrap();
        let mut attempts = wrong(&Attempts::default(), 15, START);
        let mut next = |suspicion| {
            let thresholds = suspecting(suspicion);
            attempts = attempts.after_wrong(START, &thresholds);
            attempts.raise_suspicion(&thresholds)
        };
        // Fifteen were not enough; now ten are.
        assert_eq!([20, 10, 10].map(&mut next), [false, true, false]);
        // At another threshold it is the same suspicion; above what there is, it is a new one once that is reached.
        assert_eq!([18, 21, 21].map(&mut next), [false, false, true]);
    }

    #[test]
    fn what_was_counted_against_a_lock_is_told_and_then_forgotten() {
        let locked = wrong(&Attempts::default(), 5, START);
        assert_eq!(locked.hammered(), None);
        let hammered = Attempts { refused_while_locked: 7, ..locked.clone() };
        let until = locked.locked_until;
        assert_eq!(hammered.hammered(), Some(Hammered { attempts: 7, locked_until: until }));
        assert_eq!(hammered.after_telling(), locked);
        for next in [after_wrong(&hammered, START + Duration::hours(2)), hammered.after_success()] {
            assert_eq!(next.hammered(), None);
        }
        let exhausted = Attempts { exhausted_time: Some(START), ..hammered };
        assert_eq!(exhausted.hammered().unwrap().locked_until, None);
    }

    proptest! {
        /// However attempts come and whatever is configured, no more than so many are evaluated between two locks, no more than
        /// the budget within thirty days, and the row stays bounded.
        #[test]
        fn the_budget_is_a_bound(
            waits in proptest::collection::vec((0i64..7_200, proptest::bool::weighted(0.2)), 1..600),
            consecutive in 3i64..=10,
            budget in 20i64..=100,
        ) {
            let asked = Asked { consecutive, budget, suspicion: 10, ..Asked::DEFAULT };
            let thresholds = Thresholds::within_bounds(asked).unwrap();
            let (mut attempts, mut now, mut in_a_row, mut all) = (Attempts::default(), START, 0, 0);
            for (wait, success) in waits {
                now += Duration::seconds(wait);
                if attempts.is_locked(now) { continue; }
                if success {
                    (attempts, in_a_row) = (attempts.after_success(), 0);
                    continue;
                }
                (in_a_row, all) = (in_a_row + 1, all + 1);
                attempts = attempts.after_wrong(now, &thresholds);
                prop_assert!(in_a_row <= consecutive);
                if attempts.is_locked(now) { in_a_row = 0; }
                // The whole run is shorter than the window or was cut off by it.
                let within = attempts.recent_failures.iter().filter(|at| **at > now - Thresholds::WINDOW);
                prop_assert!(within.count() <= thresholds.budget);
                if now - START < Thresholds::WINDOW {
                    prop_assert!(all <= budget);
                }
            }
        }
    }
}
