//! How a follower is doing, for those who operate it.

use fault::Reason;
use types::ServiceName;

/// How a follower is doing. What it has applied stands in every state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowerState {
    /// There is no stream, or nothing to apply it to: the other service or the own database does not answer. It tries again.
    Interrupted,
    /// It reads and applies.
    Following,
    /// An event cannot be applied, and what follows it waits. It tries again, but an operator must look.
    Blocked(Blocked),
    /// The log does not go on where this service stands in it, after a restore. An operator must look.
    Lost {
        /// The log.
        log: ServiceName,
        /// Why the cursor was refused.
        reason: Reason,
    },
}

/// The event that blocks a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Whose log.
    pub log: ServiceName,
    /// Its position there.
    pub position: i64,
    /// Its id.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
}

impl FollowerState {
    /// Whether waiting does not help: what was decided elsewhere is not in force here, and will not be by itself.
    #[must_use]
    pub fn needs_operator(&self) -> bool {
        match self {
            Self::Blocked(_) | Self::Lost { .. } => true,
            Self::Interrupted | Self::Following => false,
        }
    }
}
