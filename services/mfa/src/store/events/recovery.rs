//! Events of recovery codes. How many there are, never which.

use eventlog::{Act, Draft};
use fault::Reason;
use proto::events::event::Payload;
use proto::events::{RecoveryCodeRefused, RecoveryCodeUsed, RecoveryCodesGenerated, VerificationRefusal};
use types::{AttemptId, EnrollmentId, SignInId};
use wire::timestamp_to_wire;

use super::{Whom, text};
use crate::domain::{RECOVERY_CODES, RecoveryVerdict};

/// What an attempt with a recovery code was for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecoveryPurpose {
    pub(crate) attempt_id: AttemptId,
    pub(crate) sign_in_id: SignInId,
}

/// `mfa.recovery_code.used` or `mfa.recovery_code.refused`: the log tells the class of a refusal, the caller is told none.
pub(crate) fn recovery_verification(
    act: &Act,
    whom: &Whom<'_>,
    purpose: RecoveryPurpose,
    verdict: &RecoveryVerdict,
) -> Draft {
    let (attempt_id, sign_in_id) = (purpose.attempt_id.to_string(), purpose.sign_in_id.to_string());
    let (refusal, wrong_codes, locked_until) = match verdict {
        RecoveryVerdict::Accepted { left, .. } => {
            let payload = RecoveryCodeUsed { attempt_id, sign_in_id, left: *left };
            return whom.draft(act, "mfa.recovery_code.used", Payload::RecoveryCodeUsed(payload));
        }
        RecoveryVerdict::Wrong { attempts, wrong_codes, .. } => {
            (VerificationRefusal::Wrong, *wrong_codes, attempts.lock_end(act.at))
        }
        RecoveryVerdict::Replayed => (VerificationRefusal::Replayed, 0, None),
        RecoveryVerdict::Locked { until, .. } => (VerificationRefusal::Locked, 0, *until),
        RecoveryVerdict::NoFactor => (VerificationRefusal::NoFactor, 0, None),
        RecoveryVerdict::Outdated => (VerificationRefusal::Outdated, 0, None),
        RecoveryVerdict::AttemptReused => (VerificationRefusal::AttemptReused, 0, None),
    };
    let payload = RecoveryCodeRefused {
        attempt_id,
        sign_in_id,
        refusal: refusal.into(),
        wrong_codes,
        locked_until: locked_until.map(timestamp_to_wire),
    };
    let reason = verdict.reason().map_or("", Reason::as_str);
    whom.draft(act, "mfa.recovery_code.refused", Payload::RecoveryCodeRefused(payload)).refused(reason)
}

/// `mfa.recovery_codes.generated`: with an enrolment, or anew by the user.
pub(crate) fn recovery_codes_generated(
    act: &Act,
    whom: &Whom<'_>,
    enrollment: Option<EnrollmentId>,
) -> Draft {
    let count = i32::try_from(RECOVERY_CODES).unwrap_or(i32::MAX);
    let payload = RecoveryCodesGenerated { count, enrollment_id: text(enrollment) };
    whom.draft(act, "mfa.recovery_codes.generated", Payload::RecoveryCodesGenerated(payload))
}
