//! What is kept of a user and of a factor.

use clock::Timestamp;
use types::FactorId;

use super::{Attempts, Drift, TimeStep};

/// A user's state that outlives factors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct UserState {
    /// Raised by every reset, disable, removal and new factor.
    pub(crate) generation: i64,
    /// Whether the next enrolment needs a ticket whatever policy says.
    pub(crate) ticket_required: bool,
    /// The budget of guesses.
    pub(crate) attempts: Attempts,
    /// Whether whatever secret the user has is bound to its generation and step. Never false again: one that is not, is old.
    pub(crate) secret_bound: bool,
}

impl UserState {
    /// After an administrator destroyed what was configured: everything begun before is dead, and the slate is clean.
    #[must_use]
    pub(crate) fn after_reset(&self) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            ticket_required: self.ticket_required,
            attempts: Attempts::default(),
            secret_bound: true,
        }
    }

    /// After a new factor was acknowledged: everything begun before is dead; the failures of the window stay.
    #[must_use]
    pub(crate) fn after_enrollment(&self) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            ticket_required: false,
            attempts: self.attempts.after_success(),
            secret_bound: true,
        }
    }

    /// After the user removed their factor.
    #[must_use]
    pub(crate) fn after_removal(&self) -> Self {
        Self { generation: self.generation.saturating_add(1), secret_bound: true, ..self.clone() }
    }
}

/// An active authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Factor {
    /// The factor.
    pub(crate) id: FactorId,
    /// The secret as it is stored, bound to the generation and the last step.
    pub(crate) sealed_secret: Vec<u8>,
    /// The user's generation that began with it; none where an earlier version sealed the secret.
    pub(crate) generation: Option<i64>,
    /// The highest time step accepted so far.
    pub(crate) last_step: TimeStep,
    /// How far the phone's clock was off then.
    pub(crate) drift: Drift,
    /// When it became active.
    pub(crate) enroll_time: Timestamp,
    /// When a code of it was accepted last.
    pub(crate) last_use_time: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_the_configuration_raises_the_generation() {
        let attempts =
            Attempts { wrong_codes: 3, recent_failures: vec![Timestamp::UNIX_EPOCH], ..Attempts::default() };
        let state = UserState { generation: 4, ticket_required: true, attempts, secret_bound: false };
        let (reset, enrolled, removed) =
            (state.after_reset(), state.after_enrollment(), state.after_removal());
        assert_eq!([reset.generation, enrolled.generation, removed.generation], [5; 3]);
        assert_eq!([reset.secret_bound, enrolled.secret_bound, removed.secret_bound], [true; 3]);
        assert_eq!([reset.ticket_required, enrolled.ticket_required], [true, false]);
        assert_eq!(reset.attempts, Attempts::default());
        assert_eq!((enrolled.attempts.wrong_codes, enrolled.attempts.recent_failures.len()), (0, 1));
        assert_eq!(removed.attempts, state.attempts);
    }
}
