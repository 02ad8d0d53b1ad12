//! How far MFA has come: what users and levels of policy count as, and how totals follow from each other.
//!
//! A level's totals hold its users and the totals of the levels below, each with what *it* demands laid over them. What
//! the level itself and those above it demand is laid over at reading: enforcing changes one row, whatever is below it.
//! Pure: which rows changed, and what the time is, come in as arguments.

mod footing;
mod member;
mod settle;

use std::ops::{Add, AddAssign, Sub, SubAssign};

use clock::Timestamp;
use time::Duration;

pub(crate) use footing::Footing;
pub(crate) use member::{Member, Standing};
pub(crate) use settle::{Counted, LevelTotals, Recount, Settled, figures, settle, under};

/// Who is asked for a factor for longer than this and has none is overdue.
pub(crate) const OVERDUE_AFTER: Duration = Duration::days(30);

/// Figures of a user, a level, or an organisation and everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Local, active users.
    pub(crate) local: i64,
    /// Of these, with a factor.
    pub(crate) enrolled: i64,
    /// External users.
    pub(crate) external: i64,
    /// Local, active users who have been without a factor for more than [`OVERDUE_AFTER`].
    pub(crate) waiting_long: i64,
    /// Local, active users of whom MFA is demanded.
    pub(crate) enforced: i64,
    /// Of these, without a factor.
    pub(crate) pending: i64,
    /// Of the pending, those of whom it has been demanded for more than [`OVERDUE_AFTER`].
    pub(crate) overdue: i64,
}

impl Counts {
    /// Nobody.
    pub(crate) const NONE: Self =
        Self { local: 0, enrolled: 0, external: 0, waiting_long: 0, enforced: 0, pending: 0, overdue: 0 };

    /// How many would have to enrol if MFA were demanded of all of them now.
    #[must_use]
    pub(crate) fn would_enroll(&self) -> i64 {
        self.local - self.enrolled - self.pending
    }

    fn with(self, other: Self, each: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            local: each(self.local, other.local),
            enrolled: each(self.enrolled, other.enrolled),
            external: each(self.external, other.external),
            waiting_long: each(self.waiting_long, other.waiting_long),
            enforced: each(self.enforced, other.enforced),
            pending: each(self.pending, other.pending),
            overdue: each(self.overdue, other.overdue),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, i64::saturating_add)
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, i64::saturating_sub)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// Whether something that began at `since` is older than [`OVERDUE_AFTER`] at `at`.
fn is_long(since: Timestamp, at: Timestamp) -> bool {
    at.checked_sub(OVERDUE_AFTER).is_some_and(|threshold| since < threshold)
}

/// The first moment at which it is; none in the age of the universe that timestamps cover.
fn becomes_long(since: Timestamp) -> Option<Timestamp> {
    since.checked_add(OVERDUE_AFTER + Duration::MICROSECOND)
}

/// The next of these moments after `at`.
fn next_after(at: Timestamp, moments: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    moments.into_iter().flatten().filter(|moment| *moment > at).min()
}
