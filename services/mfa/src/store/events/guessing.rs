//! What guessing led to, and how it is ended: as envelopes for the log.

use clock::Timestamp;
use eventlog::{Act, Draft, Subject};
use proto::events::event::Payload;
use proto::events::{BreakGlassUsed, CallRefused, LockHammered, PasswordSuspected, UserUnlocked};
use types::OrganizationPath;
use wire::timestamp_to_wire;

use super::Whom;
use crate::domain::Hammered;

/// `mfa.password.suspected`
pub(crate) fn password_suspected(act: &Act, whom: &Whom<'_>, wrong_codes: usize) -> Draft {
    let wrong_codes = i32::try_from(wrong_codes).unwrap_or(i32::MAX);
    whom.draft(act, "mfa.password.suspected", Payload::PasswordSuspected(PasswordSuspected { wrong_codes }))
}

/// `mfa.verification.lock_hammered`, of codes or of recovery codes.
pub(crate) fn lock_hammered(act: &Act, whom: &Whom<'_>, hammered: Hammered, recovery_codes: bool) -> Draft {
    let payload = LockHammered {
        attempts: hammered.attempts,
        recovery_codes,
        locked_until: hammered.locked_until.map(timestamp_to_wire),
    };
    whom.draft(act, "mfa.verification.lock_hammered", Payload::LockHammered(payload))
}

/// `mfa.user.unlocked`
pub(crate) fn user_unlocked(act: &Act, whom: &Whom<'_>, reason: &str, was_exhausted: bool) -> Draft {
    let payload = UserUnlocked { reason: reason.to_owned(), was_exhausted };
    whom.draft(act, "mfa.user.unlocked", Payload::UserUnlocked(payload))
}

/// `mfa.break_glass.used`
pub(crate) fn break_glass_used(
    act: &Act,
    whom: &Whom<'_>,
    (reason, ticket_reference): (&str, &str),
    expire_time: Timestamp,
) -> Draft {
    let payload = BreakGlassUsed {
        reason: reason.to_owned(),
        ticket_reference: ticket_reference.to_owned(),
        expire_time: Some(timestamp_to_wire(expire_time)),
    };
    whom.draft(act, "mfa.break_glass.used", Payload::BreakGlassUsed(payload))
}

/// `mfa.call.refused` of an act that is nobody's but the operator's; it belongs to the provider.
pub(crate) fn operator_refused(
    act: &Act,
    provider: &OrganizationPath,
    method: &'static str,
    reason: &'static str,
) -> Draft {
    let payload = CallRefused { method: method.to_owned(), reason: reason.to_owned() };
    let subject = Subject::Method(method.to_owned());
    Draft::new(act, "mfa.call.refused", provider, subject, Payload::CallRefused(payload)).refused(reason)
}
