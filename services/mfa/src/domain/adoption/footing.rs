//! How a level of policy stands in the totals above it.

use clock::Timestamp;

use super::{Counts, becomes_long, is_long, next_after};
use crate::domain::Place;

/// What decides how a level's totals go into its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footing {
    /// The level above; none for the provider's switches.
    pub(crate) parent: Option<Place>,
    /// Whether it counts at all: what was deleted does not.
    pub(crate) is_counted: bool,
    /// From when the level itself demands MFA.
    pub(crate) demanded_from: Option<Timestamp>,
}

impl Footing {
    /// The totals below the level, with what it demands itself laid over them.
    #[must_use]
    pub(crate) fn laid_over(&self, below: Counts, at: Timestamp) -> Counts {
        let demands = self.demanded_from.is_some_and(|from| from <= at);
        let demands_long = demands && self.demanded_from.is_some_and(|from| is_long(from, at));
        Counts {
            enforced: if demands { below.local } else { below.enforced },
            pending: if demands { below.local - below.enrolled } else { below.pending },
            overdue: if demands_long { below.waiting_long } else { below.overdue },
            ..below
        }
    }

    /// What the parent's totals hold of the level.
    #[must_use]
    pub(super) fn contribution(&self, below: Counts, at: Timestamp) -> Counts {
        if self.is_counted { self.laid_over(below, at) } else { Counts::NONE }
    }

    /// When that changes though nothing below does.
    #[must_use]
    pub(crate) fn due_after(&self, at: Timestamp) -> Option<Timestamp> {
        next_after(at, [self.demanded_from, self.demanded_from.and_then(becomes_long)])
    }
}
