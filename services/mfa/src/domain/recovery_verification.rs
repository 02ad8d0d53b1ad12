//! What becomes of an attempt with a recovery code.
//!
//! Wrong ones are counted apart from wrong codes of the authenticator, and pass their lock, so that whoever guesses those
//! does not shut the rightful owner out. In two steps, as with codes: [`gate_recovery`] before the set's key is touched,
//! [`judge_recovery`] after the code was compared.

use clock::Timestamp;
use fault::Reason;

use super::{Attempts, Matched, RecoveryHash, Thresholds};

/// What becomes of an attempt with a recovery code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecoveryVerdict {
    /// It is one of the user's, and spent by this.
    Accepted {
        /// Which.
        hash: RecoveryHash,
        /// How many are left.
        left: i32,
        /// The attempts from now on.
        attempts: Attempts,
    },
    /// It is none of the user's. It counts.
    Wrong {
        /// The attempts from now on.
        attempts: Attempts,
        /// Consecutive wrong ones, this one included.
        wrong_codes: i32,
        /// Whether with it they became so many that the password is suspected.
        suspicious: bool,
    },
    /// It was spent a moment ago. It does not count.
    Replayed,
    /// Not evaluated.
    Locked {
        /// Until when; none when only an administrator can end it.
        until: Option<Timestamp>,
        /// Whether this is the first attempt against this lock: the one that goes on the log.
        first: bool,
    },
    /// There is no factor that a code could stand in for.
    NoFactor,
    /// Factor or policy changed since the sign-in that asks began. Nothing was compared.
    Outdated,
    /// The attempt's id belongs to another attempt. Nothing was compared.
    AttemptReused,
}

impl RecoveryVerdict {
    /// What the caller is told; none when the code was accepted. Wrong, spent and locked are one answer.
    #[must_use]
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Accepted { .. } => None,
            Self::Wrong { .. } | Self::Replayed | Self::Locked { .. } | Self::AttemptReused => {
                Some(Reason::CodeRefused)
            }
            Self::NoFactor => Some(Reason::FactorMissing),
            Self::Outdated => Some(Reason::GenerationOutdated),
        }
    }
}

/// Whether an attempt may be evaluated at all. `attempts` are those with recovery codes: the lock of the authenticator's
/// codes is not asked.
///
/// # Errors
/// The verdict, when it may not.
pub(crate) fn gate_recovery(
    attempts: &Attempts,
    has_factor: bool,
    now: Timestamp,
) -> Result<(), RecoveryVerdict> {
    if !has_factor {
        return Err(RecoveryVerdict::NoFactor);
    }
    if attempts.is_locked(now) {
        let (until, first) = (attempts.lock_end(now), !attempts.lock_recorded);
        return Err(RecoveryVerdict::Locked { until, first });
    }
    Ok(())
}

/// The verdict on a compared code.
#[must_use]
pub(crate) fn judge_recovery(
    matched: Matched,
    attempts: &Attempts,
    thresholds: &Thresholds,
    now: Timestamp,
) -> RecoveryVerdict {
    match matched {
        Matched::Unused(hash, left) => {
            RecoveryVerdict::Accepted { hash, left, attempts: attempts.after_success() }
        }
        Matched::JustUsed => RecoveryVerdict::Replayed,
        Matched::None => {
            let wrong_codes = attempts.wrong_codes.saturating_add(1);
            let mut attempts = attempts.after_wrong(now, thresholds);
            let suspicious = attempts.raise_suspicion(thresholds);
            RecoveryVerdict::Wrong { attempts, wrong_codes, suspicious }
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn a_verdict_ends_or_advances_its_own_count() {
        let attempts = Attempts { wrong_codes: 4, lock_level: 2, ..Attempts::default() };
        let hash = RecoveryHash([1; 32]);
        let judge_recovery = |matched| judge_recovery(matched, &attempts, &Thresholds::default(), NOW);
        assert_eq!(
            judge_recovery(Matched::Unused(hash, 3)),
            RecoveryVerdict::Accepted { hash, left: 3, attempts: Attempts::default() }
        );
        assert_eq!(judge_recovery(Matched::JustUsed), RecoveryVerdict::Replayed);
        let wrong = judge_recovery(Matched::None);
        let RecoveryVerdict::Wrong { attempts, wrong_codes, suspicious: false } = wrong else {
            panic!("{wrong:?}")
        };
        assert_eq!((wrong_codes, attempts.lock_level), (5, 3));
        let until = attempts.locked_until;
        assert_eq!(gate_recovery(&attempts, true, NOW), Err(RecoveryVerdict::Locked { until, first: true }));
        assert_eq!(gate_recovery(&attempts, false, NOW), Err(RecoveryVerdict::NoFactor));
        assert_eq!(gate_recovery(&attempts, true, until.unwrap()), Ok(()));
    }

    #[test]
    fn wrong_spent_and_locked_are_one_answer() {
        for verdict in [
            RecoveryVerdict::Wrong { attempts: Attempts::default(), wrong_codes: 1, suspicious: false },
            RecoveryVerdict::Replayed,
            RecoveryVerdict::Locked { until: None, first: true },
            RecoveryVerdict::AttemptReused,
        ] {
            assert_eq!(verdict.reason(), Some(Reason::CodeRefused));
        }
        assert_eq!(RecoveryVerdict::NoFactor.reason(), Some(Reason::FactorMissing));
        assert_eq!(RecoveryVerdict::Outdated.reason(), Some(Reason::GenerationOutdated));
    }
}
