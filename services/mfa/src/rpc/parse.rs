//! Requests as commands. What cannot be read is an INVALID_ARGUMENT that names the field; nothing unspecified or unknown
//! ever means "off".

use fault::{Fault, Outcome};
use proto::mfa;
use proto::mfa::target::Target as Wire;
use types::{Reasoning, SessionId};
use wire::{Client, PolicyVersion, UserFacts, id, optional_id};

use crate::domain::{Change, ChangeKind, ProviderScope, Target};
use crate::ops::{
    BeginEnrollment, BreakGlassTicket, ChangeEnforcement, IssueEnrollmentTicket, PresentedTicket,
    RemoveFactor, ResetMfa, Seen, SignInCall, UnlockUser, VerifyCode, VerifyRecoveryCode,
};

pub(super) fn target(target: Option<&mfa::Target>) -> Outcome<Target> {
    let target = target.and_then(|target| target.target.as_ref());
    match target.ok_or_else(|| Fault::field("target", "is required"))? {
        Wire::Provider(scope) => match mfa::ProviderScope::try_from(*scope) {
            Ok(mfa::ProviderScope::ClientsAndResellers) => {
                Ok(Target::Provider(ProviderScope::ClientsAndResellers))
            }
            Ok(mfa::ProviderScope::InternalUsers) => Ok(Target::Provider(ProviderScope::InternalUsers)),
            Ok(mfa::ProviderScope::Unspecified) | Err(_) => {
                Err(Fault::field("target.provider", "is not known"))
            }
        },
        Wire::ResellerId(text) => id("target.reseller_id", text).map(Target::Reseller),
        Wire::CompanyId(text) => id("target.company_id", text).map(Target::Company),
        Wire::UserId(text) => id("target.user_id", text).map(Target::User),
    }
}

pub(super) fn enforce(request: &mfa::EnforceMfaRequest) -> Outcome<ChangeEnforcement> {
    let from = request.enforce_from.as_ref();
    let enforce_from = from.map(|from| wire::timestamp("enforce_from", from)).transpose()?;
    // What the database cannot hold exactly would never compare equal again.
    if enforce_from.is_some_and(|from| from.nanosecond() % 1_000 != 0) {
        return Err(Fault::field("enforce_from", "must not be finer than microseconds"));
    }
    let require_ticket = request.require_enrollment_ticket;
    let kind = ChangeKind::Enforce { enforce_from, require_ticket };
    change(request.target.as_ref(), kind, &request.reason, &request.etag)
}

/// Disabling a user is a reset, and needs a reason like one.
pub(super) fn disable(request: &mfa::DisableMfaRequest) -> Outcome<ChangeEnforcement> {
    let kind = ChangeKind::Disable { keep_factors: request.keep_factors };
    let command = change(request.target.as_ref(), kind, &request.reason, &request.etag)?;
    if matches!(command.target, Target::User(_)) {
        some_reason(&request.reason)?;
    }
    Ok(command)
}

pub(super) fn reenable(request: &mfa::ReenableMfaRequest) -> Outcome<ChangeEnforcement> {
    change(request.target.as_ref(), ChangeKind::Reenable, &request.reason, &request.etag)
}

fn change(
    wire: Option<&mfa::Target>,
    kind: ChangeKind,
    reason: &str,
    etag: &str,
) -> Outcome<ChangeEnforcement> {
    let reason: Reasoning = id("reason", reason)?;
    Ok(ChangeEnforcement {
        target: target(wire)?,
        change: Change { kind, reason: reason.as_str().to_owned() },
        etag: (!etag.is_empty()).then(|| etag.to_owned()),
    })
}

pub(super) fn begin(request: &mfa::BeginEnrollmentRequest) -> Outcome<BeginEnrollment> {
    Ok(BeginEnrollment {
        code: optional_id("code", &request.code)?,
        ticket: ticket(&request.enrollment_ticket),
    })
}

/// A ticket as somebody typed it in. What is no ticket of ours in form is answered like one that is unknown.
pub(super) fn ticket(text: &str) -> PresentedTicket {
    match text.trim() {
        "" => PresentedTicket::Absent,
        text => text.parse().map_or(PresentedTicket::Malformed, PresentedTicket::Token),
    }
}

pub(super) fn remove(request: &mfa::RemoveFactorRequest) -> Outcome<RemoveFactor> {
    Ok(RemoveFactor { factor_id: id("factor_id", &request.factor_id)?, code: id("code", &request.code)? })
}

pub(super) fn reset(request: &mfa::ResetMfaRequest) -> Outcome<ResetMfa> {
    let reason = some_reason(&request.reason)?;
    let reference: Reasoning = id("ticket_reference", &request.ticket_reference)?;
    Ok(ResetMfa {
        user_id: id("user_id", &request.user_id)?,
        reason,
        ticket_reference: reference.as_str().to_owned(),
    })
}

pub(super) fn unlock(request: &mfa::UnlockUserRequest) -> Outcome<UnlockUser> {
    let reason = some_reason(&request.reason)?;
    Ok(UnlockUser { user_id: id("user_id", &request.user_id)?, reason })
}

pub(super) fn break_glass(request: &mfa::BreakGlassTicketRequest) -> Outcome<BreakGlassTicket> {
    let reason = some_reason(&request.reason)?;
    let reference: Reasoning = id("ticket_reference", &request.ticket_reference)?;
    Ok(BreakGlassTicket {
        login: id("login", &request.login)?,
        reason,
        ticket_reference: reference.as_str().to_owned(),
    })
}

/// A reason that says something.
fn some_reason(text: &str) -> Outcome<String> {
    let reason: Reasoning = id("reason", text)?;
    match reason.as_str() {
        "" => Err(Fault::field("reason", "must not be empty")),
        reason => Ok(reason.to_owned()),
    }
}

pub(super) fn issue(request: &mfa::IssueEnrollmentTicketRequest) -> Outcome<IssueEnrollmentTicket> {
    let reason: Reasoning = id("reason", &request.reason)?;
    Ok(IssueEnrollmentTicket {
        user_id: id("user_id", &request.user_id)?,
        reason: reason.as_str().to_owned(),
    })
}

pub(super) fn verify(request: &mfa::VerifyCodeRequest) -> Outcome<VerifyCode> {
    Ok(VerifyCode {
        code: id("code", &request.code)?,
        attempt_id: id("attempt_id", &request.attempt_id)?,
        sign_in_id: optional_id("sign_in_id", &request.sign_in_id)?,
        seen: seen(request.generation, request.policy_version.as_ref()),
    })
}

pub(super) fn verify_recovery(request: &mfa::VerifyRecoveryCodeRequest) -> Outcome<VerifyRecoveryCode> {
    Ok(VerifyRecoveryCode {
        code: id("recovery_code", &request.recovery_code)?,
        attempt_id: id("attempt_id", &request.attempt_id)?,
        sign_in_id: id("sign_in_id", &request.sign_in_id)?,
        seen: seen(request.generation, request.policy_version.as_ref()),
    })
}

pub(super) fn seen(generation: i64, policy: Option<&proto::common::PolicyVersion>) -> Seen {
    Seen { generation, policy_version: PolicyVersion::parse(policy) }
}

/// A call that identity makes for somebody.
pub(super) fn sign_in_call<M>(
    request: &tonic::Request<M>,
    user: Option<&proto::common::UserFacts>,
    session_id: Option<SessionId>,
    client: Option<&proto::common::Client>,
) -> Outcome<SignInCall> {
    Ok(SignInCall {
        user: UserFacts::parse(user)?,
        session_id,
        client: Client::parse(client)?,
        info: rpc::call_info(request),
    })
}

#[cfg(test)]
mod tests {
    use fault::Reason;
    use types::OrganizationId;

    use super::*;

    #[test]
    fn nothing_unspecified_is_a_target() {
        let unknown = [
            None,
            Some(mfa::Target { target: None }),
            Some(mfa::Target { target: Some(Wire::Provider(0)) }),
            Some(mfa::Target { target: Some(Wire::Provider(99)) }),
            Some(mfa::Target { target: Some(Wire::CompanyId(String::new())) }),
            Some(mfa::Target { target: Some(Wire::UserId("x".to_owned())) }),
        ];
        for wire in unknown {
            assert_eq!(target(wire.as_ref()).unwrap_err().reason(), Reason::InvalidArgument, "{wire:?}");
        }
        let company = OrganizationId::generate();
        let wire = mfa::Target { target: Some(Wire::CompanyId(company.to_string())) };
        assert_eq!(target(Some(&wire)).unwrap(), Target::Company(company));
    }

    #[test]
    fn a_reset_needs_a_reason() {
        let user_id = types::UserId::generate().to_string();
        let request = |reason: &str| mfa::ResetMfaRequest {
            user_id: user_id.clone(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        assert!(reset(&request("lost phone")).is_ok());
        for reason in ["", "   ", "a\u{0}b"] {
            assert_eq!(reset(&request(reason)).unwrap_err().reason(), Reason::InvalidArgument);
        }
    }
}
