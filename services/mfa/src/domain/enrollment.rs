//! An enrolment under way: begun, proved by a code, then acknowledged (R10).
//!
//! It belongs to the sign-in or session that began it, counts for nothing until it is acknowledged, and dies by itself.

use clock::Timestamp;
use fault::Reason;
use time::Duration;
use types::{EnrollmentId, SessionId, SignInId, TokenHash};

use super::{PendingCodes, TimeStep};

/// How long an enrolment lives.
pub(crate) const LIFETIME: Duration = Duration::minutes(15);
/// So many wrong codes destroy the pending secret. They lock nobody.
const WRONG_CODES: i32 = 5;

/// What began an enrolment and alone may finish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EnrollmentBinding {
    /// A sign-in under way.
    SignIn(SignInId),
    /// A session.
    Session(SessionId),
}

impl EnrollmentBinding {
    /// The form in rows.
    #[must_use]
    pub(crate) fn key(self) -> String {
        match self {
            Self::SignIn(id) => format!("sign_in:{id}"),
            Self::Session(id) => format!("session:{id}"),
        }
    }

    /// The sign-in, when it is one.
    #[must_use]
    pub(crate) const fn sign_in_id(self) -> Option<SignInId> {
        match self {
            Self::SignIn(id) => Some(id),
            Self::Session(_) => None,
        }
    }

    /// The session, when it is one.
    #[must_use]
    pub(crate) const fn session_id(self) -> Option<SessionId> {
        match self {
            Self::SignIn(_) => None,
            Self::Session(id) => Some(id),
        }
    }
}

/// The code that proved an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Confirmed {
    /// Its time step, which counts as spent.
    pub(crate) step: TimeStep,
    /// When it was checked.
    pub(crate) at: Timestamp,
}

/// An enrolment under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The enrolment.
    pub(crate) id: EnrollmentId,
    /// The secret as it is stored.
    pub(crate) sealed_secret: Vec<u8>,
    /// The user's generation when it began.
    pub(crate) generation: i64,
    /// Wrong codes so far.
    pub(crate) wrong_codes: i32,
    /// Set once a code proved it.
    pub(crate) confirmed: Option<Confirmed>,
    /// The recovery codes that were shown when it was proved.
    pub(crate) recovery: Option<PendingCodes>,
    /// The ticket it was begun with.
    pub(crate) ticket: Option<TokenHash>,
    /// When it dies.
    pub(crate) expire_time: Timestamp,
}

/// The enrolment, if it still lives: not expired, and no factor was made, removed or reset since it began.
///
/// # Errors
/// ENROLLMENT_NOT_FOUND.
pub(crate) fn usable(pending: Option<Pending>, generation: i64, now: Timestamp) -> Result<Pending, Reason> {
    pending
        .filter(|pending| now < pending.expire_time && pending.generation == generation)
        .ok_or(Reason::EnrollmentNotFound)
}

/// What becomes of a code at confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// It proves the enrolment.
    Proved(Confirmed),
    /// It is of a time step that is spent: refused, and neither wrong nor a guess.
    Replayed,
    /// It is wrong.
    Refused {
        /// Wrong codes so far, this one included.
        wrong_codes: i32,
        /// Whether the pending secret is destroyed by it.
        destroyed: bool,
    },
}

/// Decides on a compared code. A fresh code proves again; one that was accepted, or is older, does not (RFC 6238 §5.2).
#[must_use]
pub(crate) fn confirm(pending: &Pending, matched: Option<TimeStep>, now: Timestamp) -> Confirmation {
    match matched {
        Some(step) if pending.confirmed.is_some_and(|confirmed| step <= confirmed.step) => {
            Confirmation::Replayed
        }
        Some(step) => Confirmation::Proved(Confirmed { step, at: now }),
        None => {
            let wrong_codes = pending.wrong_codes.saturating_add(1);
            Confirmation::Refused { wrong_codes, destroyed: wrong_codes >= WRONG_CODES }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    fn pending() -> Pending {
        Pending {
            id: EnrollmentId::generate(),
            sealed_secret: Vec::new(),
            generation: 7,
            wrong_codes: 0,
            confirmed: None,
            recovery: None,
            ticket: None,
            expire_time: NOW + LIFETIME,
        }
    }

    #[test]
    fn it_lives_fifteen_minutes_and_for_one_generation() {
        let until = NOW + LIFETIME;
        assert!(usable(Some(pending()), 7, until - Duration::MICROSECOND).is_ok());
        for (pending, generation, now) in [
            (Some(pending()), 7, until),
            (Some(pending()), 8, NOW),
            (Some(pending()), 6, NOW),
            (None, 7, NOW),
        ] {
            assert_eq!(usable(pending, generation, now).unwrap_err(), Reason::EnrollmentNotFound);
        }
    }

    #[test]
    fn five_wrong_codes_destroy_it() {
        for (before, destroyed) in [(0, false), (3, false), (4, true), (9, true)] {
            let pending = Pending { wrong_codes: before, ..pending() };
            let refused = Confirmation::Refused { wrong_codes: before + 1, destroyed };
            assert_eq!(confirm(&pending, None, NOW), refused);
        }
    }

    #[test]
    fn a_step_proves_once_and_the_spent_one_only_rises() {
        let confirmed = Some(Confirmed { step: TimeStep(9), at: NOW });
        let again = Pending { confirmed, wrong_codes: 4, ..pending() };
        let proved = |step| Confirmation::Proved(Confirmed { step: TimeStep(step), at: NOW });
        for (pending, step, expected) in [
            (pending(), 8, proved(8)),
            (again.clone(), 8, Confirmation::Replayed),
            (again.clone(), 9, Confirmation::Replayed),
            (again, 10, proved(10)),
        ] {
            assert_eq!(confirm(&pending, Some(TimeStep(step)), NOW), expected, "{step}");
        }
    }
}
