//! A command that changes nothing.

use fault::{Fault, Outcome, Reason};
use types::EventId;

use crate::domain::Organization;

/// The organisation already is as it was asked to be. A unit that records nothing writes nothing, so this leaves it as an
/// error does: rolled back.
#[derive(Debug, Clone, thiserror::Error)]
#[error("nothing changes")]
pub(super) struct Unchanged {
    /// As it is.
    pub(super) organization: Organization,
    /// The event by which it came to be so, where others must have applied it.
    pub(super) since: Option<EventId>,
}

impl Unchanged {
    /// What it leaves the unit as.
    pub(super) fn leave(self) -> Fault {
        Fault::new(Reason::Internal).with_cause(self)
    }

    /// What left the unit, if it is this.
    ///
    /// # Errors
    /// Any other fault passes through.
    pub(super) fn caught(fault: Fault) -> Outcome<Self> {
        match fault.cause().and_then(|cause| cause.downcast_ref::<Self>()) {
            Some(unchanged) => Ok(unchanged.clone()),
            None => Err(fault),
        }
    }
}
