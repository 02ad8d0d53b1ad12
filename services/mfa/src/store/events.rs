//! What happened, as envelopes for the log. No secret, code or ticket ever stands in one.

mod alarm;
mod guessing;
mod notification;
mod recovery;

use access::SignedIn;
use clock::Timestamp;
use eventlog::{Act, Draft, Subject};
use fault::Reason;
use proto::events::event::Payload;
use proto::events::{
    CallRefused, ConfigurationDestroyed, EnforcementChanged, EnrollmentBegun, EnrollmentConfirmed,
    EnrollmentRefused, FactorEnrolled, FactorRemoved, FactorReset, TicketIssued, VerificationRefusal,
    VerificationRefused, VerificationSucceeded,
};
use types::{AttemptId, EnrollmentId, FactorId, OrganizationPath, SessionId, SignInId, UserId};
use wire::timestamp_to_wire;

use crate::domain::{Destruction, EnrollmentBinding, Place, Target, Verdict};

pub(crate) use alarm::secret_unreadable;
pub(crate) use guessing::{
    break_glass_used, lock_hammered, operator_refused, password_suspected, user_unlocked,
};
pub(crate) use notification::{Detail, notification_due};
pub(crate) use proto::events::NotificationKind;
pub(crate) use recovery::{RecoveryPurpose, recovery_codes_generated, recovery_verification};

const CONFIGURATION_DESTROYED: &str = "mfa.configuration.destroyed";

/// Whose event: the user, and the path of the user's organisation.
#[derive(Debug, Clone)]
pub(crate) struct Whom<'a> {
    pub(crate) path: &'a OrganizationPath,
    pub(crate) user_id: UserId,
}

impl Whom<'_> {
    fn draft(&self, act: &Act, event_type: &'static str, payload: Payload) -> Draft {
        Draft::new(act, event_type, self.path, Subject::User(self.user_id), payload)
    }
}

/// What an attempt was for; for the event.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Purpose {
    pub(crate) attempt_id: Option<AttemptId>,
    pub(crate) sign_in_id: Option<SignInId>,
    pub(crate) session_id: Option<SessionId>,
}

/// A level's new value.
#[derive(Debug)]
pub(crate) struct EnforcementValue<'a> {
    pub(crate) enforced: bool,
    pub(crate) reason: &'a str,
    pub(crate) enforce_from: Option<Timestamp>,
    pub(crate) require_ticket: bool,
    pub(crate) version: i64,
    /// Of a user: the generation afterwards.
    pub(crate) generation: i64,
    pub(crate) destroyed: bool,
    pub(crate) at_creation: bool,
}

/// `mfa.enforcement.enforced`, `.disabled`, `.reenabled`: `event_type` tells which.
pub(crate) fn enforcement_changed(
    act: &Act,
    event_type: &'static str,
    path: &OrganizationPath,
    place: Place,
    value: &EnforcementValue<'_>,
) -> Draft {
    let subject = match place.target {
        Target::Provider(scope) => Subject::ProviderScope(scope.as_str()),
        Target::Reseller(id) | Target::Company(id) => Subject::Organization(id),
        Target::User(id) => Subject::User(id),
    };
    let payload = EnforcementChanged {
        level: place.target.level().as_str().to_owned(),
        target: place.target.key(),
        enforced: value.enforced,
        reason: value.reason.to_owned(),
        enforce_from: value.enforce_from.map(timestamp_to_wire),
        require_enrollment_ticket: value.require_ticket,
        version: value.version,
        generation: value.generation,
        configuration_destroyed: value.destroyed,
        at_creation: value.at_creation,
    };
    Draft::new(act, event_type, path, subject, Payload::EnforcementChanged(payload))
}

/// `mfa.enrollment.begun`
pub(crate) fn enrollment_begun(
    act: &Act,
    whom: &Whom<'_>,
    id: EnrollmentId,
    binding: EnrollmentBinding,
    with_ticket: bool,
) -> Draft {
    let payload = EnrollmentBegun {
        enrollment_id: id.to_string(),
        sign_in_id: text(binding.sign_in_id()),
        session_id: text(binding.session_id()),
        with_ticket,
    };
    whom.draft(act, "mfa.enrollment.begun", Payload::EnrollmentBegun(payload))
}

/// `mfa.enrollment.confirmed`
pub(crate) fn enrollment_confirmed(
    act: &Act,
    whom: &Whom<'_>,
    id: EnrollmentId,
    binding: EnrollmentBinding,
) -> Draft {
    let payload = EnrollmentConfirmed {
        enrollment_id: id.to_string(),
        sign_in_id: text(binding.sign_in_id()),
        session_id: text(binding.session_id()),
    };
    whom.draft(act, "mfa.enrollment.confirmed", Payload::EnrollmentConfirmed(payload))
}

/// `mfa.enrollment.refused`: a wrong code (then with the counts), or a begin that was not let through.
pub(crate) fn enrollment_refused(
    act: &Act,
    whom: &Whom<'_>,
    (id, binding): (Option<EnrollmentId>, EnrollmentBinding),
    (wrong_codes, destroyed): (i32, bool),
    reason: &'static str,
) -> Draft {
    let payload = EnrollmentRefused {
        enrollment_id: text(id),
        wrong_codes,
        destroyed,
        sign_in_id: text(binding.sign_in_id()),
        session_id: text(binding.session_id()),
    };
    whom.draft(act, "mfa.enrollment.refused", Payload::EnrollmentRefused(payload)).refused(reason)
}

/// `mfa.factor.enrolled`
pub(crate) fn factor_enrolled(
    act: &Act,
    whom: &Whom<'_>,
    (factor, enrollment): (FactorId, EnrollmentId),
    binding: EnrollmentBinding,
    generation: i64,
    replaced: Option<FactorId>,
    verify_time: Timestamp,
) -> Draft {
    let payload = FactorEnrolled {
        factor_id: factor.to_string(),
        enrollment_id: enrollment.to_string(),
        generation,
        sign_in_id: text(binding.sign_in_id()),
        session_id: text(binding.session_id()),
        replaced_factor_id: text(replaced),
        verify_time: Some(timestamp_to_wire(verify_time)),
    };
    whom.draft(act, "mfa.factor.enrolled", Payload::FactorEnrolled(payload))
}

/// `mfa.factor.removed`
pub(crate) fn factor_removed(
    act: &Act,
    whom: &Whom<'_>,
    factor: FactorId,
    generation: i64,
    session: SessionId,
) -> Draft {
    let payload =
        FactorRemoved { factor_id: factor.to_string(), generation, session_id: session.to_string() };
    whom.draft(act, "mfa.factor.removed", Payload::FactorRemoved(payload))
}

/// `mfa.factor.reset`
pub(crate) fn factor_reset(
    act: &Act,
    whom: &Whom<'_>,
    (reason, ticket_reference): (&str, &str),
    generation: i64,
    destroyed: Option<FactorId>,
    policy_version: i64,
) -> Draft {
    let payload = FactorReset {
        generation,
        reason: reason.to_owned(),
        ticket_reference: ticket_reference.to_owned(),
        destroyed_factor_ids: destroyed.iter().map(ToString::to_string).collect(),
        policy_version,
    };
    whom.draft(act, "mfa.factor.reset", Payload::FactorReset(payload))
}

/// `mfa.verification.succeeded` or `mfa.verification.refused`: the log tells the class of a refusal, the caller is told
/// none.
pub(crate) fn verification(
    act: &Act,
    whom: &Whom<'_>,
    factor: Option<FactorId>,
    purpose: Purpose,
    verdict: &Verdict,
) -> Draft {
    let (refusal, wrong_codes, locked_until) = match verdict {
        Verdict::Accepted { .. } => return verification_succeeded(act, whom, factor, purpose),
        Verdict::Wrong { attempts, wrong_codes, .. } => {
            (VerificationRefusal::Wrong, *wrong_codes, attempts.lock_end(act.at))
        }
        Verdict::Replayed => (VerificationRefusal::Replayed, 0, None),
        Verdict::Locked { until, .. } => (VerificationRefusal::Locked, 0, *until),
        Verdict::NoFactor => (VerificationRefusal::NoFactor, 0, None),
        Verdict::Outdated => (VerificationRefusal::Outdated, 0, None),
        Verdict::AttemptReused => (VerificationRefusal::AttemptReused, 0, None),
    };
    let payload = VerificationRefused {
        factor_id: text(factor),
        attempt_id: text(purpose.attempt_id),
        sign_in_id: text(purpose.sign_in_id),
        session_id: text(purpose.session_id),
        refusal: refusal.into(),
        wrong_codes,
        locked_until: locked_until.map(timestamp_to_wire),
    };
    let reason = verdict.reason().map_or("", Reason::as_str);
    whom.draft(act, "mfa.verification.refused", Payload::VerificationRefused(payload)).refused(reason)
}

fn verification_succeeded(act: &Act, whom: &Whom<'_>, factor: Option<FactorId>, purpose: Purpose) -> Draft {
    let payload = VerificationSucceeded {
        factor_id: text(factor),
        attempt_id: text(purpose.attempt_id),
        sign_in_id: text(purpose.sign_in_id),
        session_id: text(purpose.session_id),
    };
    whom.draft(act, "mfa.verification.succeeded", Payload::VerificationSucceeded(payload))
}

/// `mfa.ticket.issued`
pub(crate) fn ticket_issued(
    act: &Act,
    whom: &Whom<'_>,
    expire_time: Timestamp,
    required: bool,
    reason: &str,
) -> Draft {
    let expire_time = Some(timestamp_to_wire(expire_time));
    let payload = TicketIssued { expire_time, required, reason: reason.to_owned() };
    whom.draft(act, "mfa.ticket.issued", Payload::TicketIssued(payload))
}

/// `mfa.configuration.destroyed` of a user.
pub(crate) fn configuration_destroyed(
    act: &Act,
    whom: &Whom<'_>,
    generation: i64,
    destroyed: Option<FactorId>,
    cause: Destruction,
) -> Draft {
    let payload = ConfigurationDestroyed {
        generation,
        destroyed_factor_ids: destroyed.iter().map(ToString::to_string).collect(),
        cause: cause.as_str().to_owned(),
    };
    whom.draft(act, CONFIGURATION_DESTROYED, Payload::ConfigurationDestroyed(payload))
}

/// `mfa.configuration.destroyed` of all users of an organisation: their number has no bound, so it names none of them.
pub(crate) fn configurations_destroyed(act: &Act, path: &OrganizationPath) -> Draft {
    let cause = Destruction::OrganizationDeleted.as_str().to_owned();
    let payload = ConfigurationDestroyed { generation: 0, destroyed_factor_ids: Vec::new(), cause };
    let subject = Subject::Organization(path.organization_id());
    Draft::new(act, CONFIGURATION_DESTROYED, path, subject, Payload::ConfigurationDestroyed(payload))
}

/// `mfa.call.refused`: it belongs to the caller's own organisation and names the method, never the object, so that the log
/// of the caller's branch does not tell whether a foreign object exists.
pub(crate) fn call_refused(act: &Act, caller: &SignedIn, method: &str, reason: &'static str) -> Draft {
    let payload = CallRefused { method: method.to_owned(), reason: reason.to_owned() };
    let subject = Subject::Method(method.to_owned());
    Draft::new(act, "mfa.call.refused", &caller.path, subject, Payload::CallRefused(payload)).refused(reason)
}

fn text<T: ToString>(id: Option<T>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
