//! An enrolment that was acknowledged, as its event tells.

use clock::Timestamp;
use types::EventId;

use super::EnrollmentBinding;

/// By what the present factor became active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enrolled {
    /// The event.
    pub(crate) event_id: EventId,
    /// The sign-in or session that acknowledged it.
    pub(crate) binding: EnrollmentBinding,
    /// The user's generation that began with it.
    pub(crate) generation: i64,
    /// When the code that confirmed it was checked.
    pub(crate) verify_time: Timestamp,
}

impl Enrolled {
    /// Whether it was this sign-in or session that acknowledged, and nothing has changed since: then it gets the same answer
    /// when it asks again.
    #[must_use]
    pub(crate) fn is_last_act_of(&self, binding: EnrollmentBinding, generation: i64) -> bool {
        self.binding == binding && self.generation == generation
    }
}
