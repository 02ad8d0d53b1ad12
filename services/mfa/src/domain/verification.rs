//! What becomes of an attempt at a code.
//!
//! In two steps, because what must not be evaluated must not even be opened: [`gate`] before the secret is touched,
//! [`judge`] after the code was compared.

use clock::Timestamp;
use fault::Reason;

use super::{Attempts, Thresholds, TimeStep};

/// What becomes of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The code is right and new: the factor's last step rises to this one, and the count of wrong codes ends.
    Accepted {
        /// The step that matched.
        step: TimeStep,
        /// The attempts from now on.
        attempts: Attempts,
    },
    /// The code is wrong. It counts.
    Wrong {
        /// The attempts from now on.
        attempts: Attempts,
        /// Consecutive wrong codes, this one included.
        wrong_codes: i32,
        /// Whether with it the failures became so many that the password is suspected.
        suspicious: bool,
    },
    /// The code's time step was accepted before. It does not count: whoever presents it once knew the factor.
    Replayed,
    /// Not evaluated.
    Locked {
        /// Until when; none when only an administrator can end it.
        until: Option<Timestamp>,
        /// Whether this is the first attempt against this lock: the one that goes on the log.
        first: bool,
    },
    /// There is nothing to compare with.
    NoFactor,
    /// Factor or policy changed since the sign-in or session that asks began. Nothing was compared.
    Outdated,
    /// The attempt's id belongs to another attempt, or to one of too long ago. Nothing was compared.
    AttemptReused,
}

impl Verdict {
    /// Whether a code was compared.
    #[must_use]
    pub(crate) const fn is_evaluated(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Wrong { .. } | Self::Replayed)
    }

    /// What the caller is told; none when the code was accepted. Wrong, used and locked are one answer.
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

/// Whether an attempt may be evaluated at all.
///
/// # Errors
/// The verdict, when it may not.
pub(crate) fn gate(attempts: &Attempts, has_factor: bool, now: Timestamp) -> Result<(), Verdict> {
    if !has_factor {
        return Err(Verdict::NoFactor);
    }
    if attempts.is_locked(now) {
        return Err(Verdict::Locked { until: attempts.lock_end(now), first: !attempts.lock_recorded });
    }
    Ok(())
}

/// The verdict on a compared code: `matched` is the step whose code it is, `last_step` the highest accepted so far.
#[must_use]
pub(crate) fn judge(
    matched: Option<TimeStep>,
    last_step: TimeStep,
    attempts: &Attempts,
    thresholds: &Thresholds,
    now: Timestamp,
) -> Verdict {
    match matched {
        None => {
            let wrong_codes = attempts.wrong_codes.saturating_add(1);
            let mut attempts = attempts.after_wrong(now, thresholds);
            let suspicious = attempts.raise_suspicion(thresholds);
            Verdict::Wrong { attempts, wrong_codes, suspicious }
        }
        Some(step) if step <= last_step => Verdict::Replayed,
        Some(step) => Verdict::Accepted { step, attempts: attempts.after_success() },
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn only_a_step_above_the_last_is_accepted() {
        let attempts = Attempts { wrong_codes: 4, lock_level: 2, ..Attempts::default() };
        let judge = |matched| judge(matched, TimeStep(10), &attempts, &Thresholds::default(), NOW);
        assert_eq!(
            judge(Some(TimeStep(11))),
            Verdict::Accepted { step: TimeStep(11), attempts: Attempts::default() }
        );
        for step in [TimeStep(10), TimeStep(9)] {
            assert_eq!(judge(Some(step)), Verdict::Replayed);
        }
        let Verdict::Wrong { attempts, wrong_codes, suspicious: false } = judge(None) else {
            panic!("wrong")
        };
        assert_eq!((wrong_codes, attempts.lock_level), (5, 3));
        assert!(attempts.is_locked(NOW));
    }

    #[test]
    fn a_lock_comes_before_the_code_and_is_recorded_once() {
        let locked = Attempts { locked_until: Some(NOW + time::Duration::SECOND), ..Attempts::default() };
        let until = locked.locked_until;
        assert_eq!(gate(&locked, true, NOW), Err(Verdict::Locked { until, first: true }));
        let again = Attempts { lock_recorded: true, ..locked.clone() };
        assert_eq!(gate(&again, true, NOW), Err(Verdict::Locked { until, first: false }));
        assert_eq!(gate(&again, true, NOW + time::Duration::SECOND), Ok(()));
        assert_eq!(gate(&locked, false, NOW), Err(Verdict::NoFactor));
        let exhausted = Attempts { exhausted_time: Some(NOW), ..locked };
        assert_eq!(gate(&exhausted, true, NOW), Err(Verdict::Locked { until: None, first: true }));
    }
}
