//! Attempts that are refused and leave no event of their own: counted, so that the log does not grow with an outsider's effort.

use super::Timestamp;

/// Why an attempt leaves no event of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many failures of the login or from the address: nothing was looked at.
    Delayed,
    /// Too many hashes at once: nothing was looked at.
    Overloaded,
    /// The second factor is locked, which is on mfa's log.
    Locked,
    /// The sign-in was refused some times already, at no cost, as it is over or at another step.
    Repeated,
    /// A token that nobody gave out.
    UnknownToken,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Delayed, Self::Overloaded, Self::Locked, Self::Repeated, Self::UnknownToken];

    /// The form in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::Overloaded => "overloaded",
            Self::Locked => "locked",
            Self::Repeated => "repeated",
            Self::UnknownToken => "unknown_token",
        }
    }
}

/// How many there were of one cause, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Why.
    pub cause: Cause,
    /// How many; at least one.
    pub attempts: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
}

impl Count {
    fn with(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            ..self
        }
    }
}

/// What is not summarised yet: one count for each cause at most.
#[derive(Debug, Default)]
pub struct RefusalCounts(Vec<Count>);

impl RefusalCounts {
    /// Counts one more.
    pub fn count(&mut self, cause: Cause, now: Timestamp) {
        self.add(Count { cause, attempts: 1, first: now, last: now });
    }

    /// Counts again what could not be recorded.
    pub fn add(&mut self, count: Count) {
        match self.0.iter_mut().find(|present| present.cause == count.cause) {
            Some(present) => *present = present.with(count),
            None => self.0.push(count),
        }
    }

    /// Everything counted so far, to be recorded.
    pub fn take(&mut self) -> Vec<Count> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn there_is_one_count_for_each_cause_and_nothing_is_lost() {
        let mut counts = RefusalCounts::default();
        let first = datetime!(2026-11-24 12:00 UTC);
        for second in 0..90 {
            let now = first + Duration::seconds(second);
            counts.count(Cause::Delayed, now);
            if second % 2 == 0 {
                counts.count(Cause::Locked, now);
            }
        }
        let taken = counts.take();
        let last = first + Duration::seconds(89);
        assert_eq!(taken.first(), Some(&Count { cause: Cause::Delayed, attempts: 90, first, last }));
        assert_eq!(taken.iter().map(|count| count.attempts).collect::<Vec<_>>(), [90, 45]);
        assert!(counts.take().is_empty());
        counts.count(Cause::Delayed, last);
        taken.into_iter().for_each(|count| counts.add(count));
        assert_eq!(counts.take().first().map(|count| (count.attempts, count.first)), Some((91, first)));
    }

    #[test]
    fn causes_have_distinct_names() {
        let mut names = Cause::ALL.map(Cause::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Cause::ALL.len());
    }
}
