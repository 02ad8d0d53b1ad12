//! What a single user counts as.

use clock::Timestamp;

use super::{Counts, becomes_long, is_long, next_after};

/// Whether, and as what, a user counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Local and active.
    Local,
    /// A second factor is another's job.
    External,
    /// Disabled, deleted, or never heard of.
    None,
}

impl Standing {
    /// The word in rows.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::External => "external",
            Self::None => "none",
        }
    }

    /// The standing of a word in rows.
    #[must_use]
    pub(crate) fn read(word: &str) -> Option<Self> {
        [Self::Local, Self::External, Self::None].into_iter().find(|standing| standing.as_str() == word)
    }
}

/// Everything about a user that figures depend on, besides the time and the levels above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Whether, and as what.
    pub(crate) standing: Standing,
    /// Whether a factor is active; only of local, active users.
    pub(crate) has_factor: bool,
    /// From when the user's own level demands MFA; only of local, active users.
    pub(crate) demanded_from: Option<Timestamp>,
    /// Since when the user has been local, active and without a factor; none when it is not so.
    pub(crate) waiting_since: Option<Timestamp>,
}

impl Member {
    /// A user as it is now. Who was waiting for a factor `before` goes on waiting; who is since `changed_at` begins then.
    #[must_use]
    pub(crate) fn new(
        standing: Standing,
        has_factor: bool,
        demanded_from: Option<Timestamp>,
        before: Option<&Self>,
        changed_at: Timestamp,
    ) -> Self {
        if standing != Standing::Local {
            return Self { standing, has_factor: false, demanded_from: None, waiting_since: None };
        }
        let since = before.and_then(|before| before.waiting_since).unwrap_or(changed_at);
        let waiting_since = (!has_factor).then_some(since);
        Self { standing, has_factor, demanded_from, waiting_since }
    }

    /// What the user counts as at `at`.
    #[must_use]
    pub(crate) fn counts(&self, at: Timestamp) -> Counts {
        let is_local = self.standing == Standing::Local;
        let is_demanded = is_local && self.demanded_from.is_some_and(|from| from <= at);
        let waits_long = self.waiting_since.is_some_and(|since| is_long(since, at));
        let is_demanded_long = is_demanded && self.demanded_from.is_some_and(|from| is_long(from, at));
        Counts {
            local: i64::from(is_local),
            enrolled: i64::from(is_local && self.has_factor),
            external: i64::from(self.standing == Standing::External),
            waiting_long: i64::from(waits_long),
            enforced: i64::from(is_demanded),
            pending: i64::from(is_demanded && !self.has_factor),
            overdue: i64::from(is_demanded_long && waits_long),
        }
    }

    /// When the user counts differently though nothing changes.
    #[must_use]
    pub(crate) fn due_after(&self, at: Timestamp) -> Option<Timestamp> {
        let demand = self.demanded_from;
        next_after(at, [demand, demand.and_then(becomes_long), self.waiting_since.and_then(becomes_long)])
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-06-01 12:00 UTC);

    fn days(days: i64) -> Timestamp {
        NOW + Duration::days(days)
    }

    #[test]
    fn only_local_and_active_users_wait_and_whoever_waits_goes_on_waiting() {
        let waiting = Member::new(Standing::Local, false, None, None, NOW);
        assert_eq!(waiting.waiting_since, Some(NOW));
        let later = Member::new(Standing::Local, false, Some(NOW), Some(&waiting), days(9));
        assert_eq!(later.waiting_since, Some(NOW));
        let enrolled = Member::new(Standing::Local, true, Some(NOW), Some(&later), days(10));
        assert_eq!((enrolled.waiting_since, enrolled.counts(days(99)).pending), (None, 0));
        // Whose factor was destroyed waits anew: nobody is overdue on the day after a reset.
        let reset = Member::new(Standing::Local, false, Some(NOW), Some(&enrolled), days(40));
        assert_eq!(reset.waiting_since, Some(days(40)));
        for standing in [Standing::External, Standing::None] {
            let other = Member::new(standing, true, Some(NOW), Some(&waiting), NOW);
            let expected = Counts { external: i64::from(standing == Standing::External), ..Counts::NONE };
            assert_eq!(other.counts(days(99)), expected);
            assert_eq!(other.due_after(NOW), None);
        }
    }

    #[test]
    fn time_alone_makes_demanded_and_then_overdue_and_the_moments_are_foreseen() {
        let from = days(3);
        let member = Member::new(Standing::Local, false, Some(from), None, NOW);
        let figures = |at| {
            let counts = member.counts(at);
            (counts.enforced, counts.pending, counts.waiting_long, counts.overdue)
        };
        let (before, just) = (Duration::MICROSECOND, Duration::MICROSECOND);
        for (at, expected, next) in [
            (NOW, (0, 0, 0, 0), Some(from)),
            (from - before, (0, 0, 0, 0), Some(from)),
            (from, (1, 1, 0, 0), Some(days(30) + just)),
            (days(30), (1, 1, 0, 0), Some(days(30) + just)),
            (days(30) + just, (1, 1, 1, 0), Some(days(33) + just)),
            (days(33), (1, 1, 1, 0), Some(days(33) + just)),
            (days(33) + just, (1, 1, 1, 1), None),
        ] {
            assert_eq!((figures(at), member.due_after(at)), (expected, next), "{at}");
        }
    }
}
