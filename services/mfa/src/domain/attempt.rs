//! An attempt that comes again under its own id: the first verdict again, and never a second effect.

use clock::Timestamp;
use fault::Reason;
use time::Duration;
use types::{FactorId, SessionId, SignInId, UserId};

/// How long a verdict is given again. It is as long as any answer is kept, and as a sign-in lives.
const REPEATED: Duration = Duration::minutes(10);

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptKind {
    /// A code of the factor.
    Code,
    /// A recovery code.
    RecoveryCode,
    /// A code that proves an enrolment.
    Enrollment,
}

/// Whose attempt it is. Under the same id nobody else's verdict is ever given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptOwner {
    /// What is tried.
    pub(crate) kind: AttemptKind,
    /// By whom.
    pub(crate) user_id: UserId,
    /// In which sign-in.
    pub(crate) sign_in_id: Option<SignInId>,
    /// In which session.
    pub(crate) session_id: Option<SessionId>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstVerdict {
    /// The code was accepted.
    Accepted {
        /// The factor that it is of.
        factor_id: FactorId,
    },
    /// The recovery code was accepted.
    RecoveryCodeAccepted {
        /// How many were left then.
        left: i32,
    },
    /// The code proved the enrolment.
    Confirmed,
    /// It was refused.
    Refused(Reason),
}

/// An attempt that the log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeAttempt {
    /// Whose it was; none when what the id belongs to is no attempt.
    pub(crate) owner: Option<AttemptOwner>,
    /// What became of it.
    pub(crate) verdict: FirstVerdict,
    /// When it was made.
    pub(crate) at: Timestamp,
}

/// The id belongs to another attempt, or to one of too long ago. Nothing may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptReused;

/// The attempt that is repeated now, when the id was used already.
///
/// # Errors
/// It was used for another attempt, or too long ago.
pub(crate) fn repeated(
    made: Option<MadeAttempt>,
    owner: AttemptOwner,
    now: Timestamp,
) -> Result<Option<MadeAttempt>, AttemptReused> {
    match made {
        None => Ok(None),
        Some(made) if made.owner == Some(owner) && now < made.at + REPEATED => Ok(Some(made)),
        Some(_) => Err(AttemptReused),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn a_verdict_is_given_again_to_its_owner_alone_and_for_ten_minutes() {
        let owner = AttemptOwner {
            kind: AttemptKind::Code,
            user_id: UserId::generate(),
            sign_in_id: Some(SignInId::generate()),
            session_id: None,
        };
        let made =
            MadeAttempt { owner: Some(owner), verdict: FirstVerdict::Refused(Reason::CodeRefused), at: NOW };
        let last = NOW + REPEATED - Duration::MICROSECOND;
        assert_eq!(repeated(None, owner, NOW), Ok(None));
        for now in [NOW, last] {
            assert_eq!(repeated(Some(made), owner, now), Ok(Some(made)));
        }
        assert_eq!(repeated(Some(made), owner, NOW + REPEATED), Err(AttemptReused));
        for other in [
            AttemptOwner { kind: AttemptKind::RecoveryCode, ..owner },
            AttemptOwner { user_id: UserId::generate(), ..owner },
            AttemptOwner { sign_in_id: None, ..owner },
            AttemptOwner { sign_in_id: Some(SignInId::generate()), ..owner },
            AttemptOwner { session_id: Some(SessionId::generate()), ..owner },
        ] {
            assert_eq!(repeated(Some(made), other, NOW), Err(AttemptReused));
        }
        let no_attempt = MadeAttempt { owner: None, ..made };
        assert_eq!(repeated(Some(no_attempt), owner, NOW), Err(AttemptReused));
    }
}
