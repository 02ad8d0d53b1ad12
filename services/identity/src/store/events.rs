//! identity's events as drafts for the log. What is said here is public to the organisation's auditors: no secret, no
//! token, nothing a caller typed.

use eventlog::{Act, Draft, Subject};
use fault::Reason;
use proto::events;
use proto::events::event::Payload;
use types::{EventId, OrganizationPath, Reasoning, SessionId, SignInId, UserId};
use wire::{UserFacts, UserState, timestamp_to_wire};

use crate::domain::Timestamp;
use crate::domain::organization::{Ended, OrganizationChange};
use crate::domain::refusal_counts::Count;
use crate::domain::session::{EndCause, Session};
use crate::domain::sign_in::{NextStep, Refusal, Step};

/// `identity.user.created`
#[must_use]
pub fn user_created(act: &Act, facts: &UserFacts, enforce_mfa: bool) -> Draft {
    let payload = events::UserCreated { user: Some(facts.to_wire()), enforce_mfa };
    of_user(act, "identity.user.created", facts, Payload::UserCreated(payload))
}

/// `identity.user.updated`
#[must_use]
pub fn user_updated(act: &Act, facts: &UserFacts, changed_fields: &[&str]) -> Draft {
    let changed_fields = changed_fields.iter().map(|field| (*field).to_owned()).collect();
    let payload = Payload::UserUpdated(events::UserUpdated { user: Some(facts.to_wire()), changed_fields });
    of_user(act, "identity.user.updated", facts, payload)
}

/// `identity.user.disabled`, `identity.user.enabled` or `identity.user.deleted`, as the facts say.
#[must_use]
pub fn user_state_changed(act: &Act, facts: &UserFacts, reason: &Reasoning) -> Draft {
    let (user, reason) = (Some(facts.to_wire()), reason.to_string());
    match facts.state {
        UserState::Active => {
            let payload = Payload::UserStateChanged(events::UserStateChanged { user, reason });
            of_user(act, "identity.user.enabled", facts, payload)
        }
        UserState::Inactive => {
            let payload = Payload::UserStateChanged(events::UserStateChanged { user, reason });
            of_user(act, "identity.user.disabled", facts, payload)
        }
        UserState::Deleted => {
            let payload = Payload::UserDeleted(events::UserDeleted { user, reason });
            of_user(act, "identity.user.deleted", facts, payload)
        }
    }
}

/// `identity.user.password_changed`
#[must_use]
pub fn user_password_changed(act: &Act, facts: &UserFacts, by_administrator: bool) -> Draft {
    let payload = events::UserPasswordChanged { user: Some(facts.to_wire()), by_administrator };
    of_user(act, "identity.user.password_changed", facts, Payload::UserPasswordChanged(payload))
}

/// `identity.user.notification_due`: the user should be told that their password is another now.
#[must_use]
pub fn password_notification_due(act: &Act, facts: &UserFacts, about: EventId) -> Draft {
    let payload = events::NotificationDue {
        kind: events::NotificationKind::PasswordChanged.into(),
        event_id: about.to_string(),
        ..events::NotificationDue::default()
    };
    of_user(act, "identity.user.notification_due", facts, Payload::NotificationDue(payload))
}

/// `identity.user.password_suspected`
#[must_use]
pub fn password_suspected(act: &Act, facts: &UserFacts) -> Draft {
    let payload = events::PasswordChangeRequired { user: Some(facts.to_wire()) };
    of_user(act, "identity.user.password_suspected", facts, Payload::PasswordChangeRequired(payload))
}

/// `identity.user.sessions_revoked`
#[must_use]
pub fn user_sessions_revoked(
    act: &Act,
    path: &OrganizationPath,
    user: UserId,
    reason: &str,
    (sessions, sign_ins): (i32, i32),
) -> Draft {
    let payload = events::UserSessionsRevoked {
        reason: reason.to_owned(),
        ended_sessions: sessions,
        ended_sign_ins: sign_ins,
    };
    let payload = Payload::UserSessionsRevoked(payload);
    Draft::new(act, "identity.user.sessions_revoked", path, Subject::User(user), payload)
}

/// `identity.invitation.issued`: the invitation itself is never recorded.
#[must_use]
pub fn invitation_issued(act: &Act, path: &OrganizationPath, user: UserId, expire_time: Timestamp) -> Draft {
    let payload = events::InvitationIssued { expire_time: Some(timestamp_to_wire(expire_time)) };
    let payload = Payload::InvitationIssued(payload);
    Draft::new(act, "identity.invitation.issued", path, Subject::User(user), payload)
}

/// `identity.invitation.accepted`
#[must_use]
pub fn invitation_accepted(act: &Act, facts: &UserFacts) -> Draft {
    let payload = events::InvitationAccepted { user: Some(facts.to_wire()) };
    of_user(act, "identity.invitation.accepted", facts, Payload::InvitationAccepted(payload))
}

/// `identity.organization.change_applied`
#[must_use]
pub fn organization_change_applied(
    act: &Act,
    path: &OrganizationPath,
    change: OrganizationChange,
    ended: Ended,
) -> Draft {
    let number = |rows| i64::try_from(rows).unwrap_or(i64::MAX);
    let payload = Payload::OrganizationChangeApplied(events::OrganizationChangeApplied {
        change: change.as_str().to_owned(),
        ended_sessions: number(ended.sessions),
        ended_sign_ins: number(ended.sign_ins),
        deleted_users: number(ended.users),
    });
    let subject = Subject::Organization(path.organization_id());
    Draft::new(act, "identity.organization.change_applied", path, subject, payload)
}

fn of_user(act: &Act, event_type: &'static str, facts: &UserFacts, payload: Payload) -> Draft {
    Draft::new(act, event_type, &facts.path, Subject::User(facts.id), payload)
}

/// `identity.sign_in.started`
#[must_use]
pub fn sign_in_started(
    act: &Act,
    path: &OrganizationPath,
    user: UserId,
    sign_in: SignInId,
    next_step: NextStep,
) -> Draft {
    let payload =
        events::SignInStarted { sign_in_id: sign_in.to_string(), next_step: next_step.as_str().to_owned() };
    let payload = Payload::SignInStarted(payload);
    Draft::new(act, "identity.sign_in.started", path, Subject::User(user), payload)
}

/// `identity.sign_in.continued`: everything is proved, and a new password is next.
#[must_use]
pub fn sign_in_continued(
    act: &Act,
    path: &OrganizationPath,
    user: UserId,
    sign_in: SignInId,
    next_step: NextStep,
) -> Draft {
    let payload =
        events::SignInStarted { sign_in_id: sign_in.to_string(), next_step: next_step.as_str().to_owned() };
    let payload = Payload::SignInStarted(payload);
    Draft::new(act, "identity.sign_in.continued", path, Subject::User(user), payload)
}

/// `identity.sign_in.completed`
#[must_use]
pub fn sign_in_completed(act: &Act, path: &OrganizationPath, sign_in: SignInId, session: &Session) -> Draft {
    let payload = events::SignInCompleted {
        sign_in_id: sign_in.to_string(),
        session_id: session.id.to_string(),
        amr: session.methods.amr(),
    };
    let payload = Payload::SignInCompleted(payload);
    Draft::new(act, "identity.sign_in.completed", path, Subject::User(session.user_id), payload)
}

/// `identity.sign_in.refused`. A login that nobody has belongs to the organisation of its realm.
#[must_use]
pub fn sign_in_refused(
    act: &Act,
    path: &OrganizationPath,
    user: Option<UserId>,
    sign_in: Option<SignInId>,
    step: Step,
    refusal: Refusal,
) -> Draft {
    let payload = events::SignInRefused {
        sign_in_id: sign_in.map(|id| id.to_string()).unwrap_or_default(),
        step: step.as_str().to_owned(),
        refusal: refusal_to_wire(refusal).into(),
    };
    let subject = user.map_or(Subject::Organization(path.organization_id()), Subject::User);
    Draft::new(act, "identity.sign_in.refused", path, subject, Payload::SignInRefused(payload))
        .refused(Reason::SignInRefused.as_str())
}

/// `identity.sign_in.refusals_counted`: whose they were was not looked at, so they belong to the provider.
#[must_use]
pub fn sign_in_refusals_counted(act: &Act, provider: &OrganizationPath, count: &Count) -> Draft {
    let payload = Payload::SignInRefusalsCounted(events::SignInRefusalsCounted {
        attempts: i64::try_from(count.attempts).unwrap_or(i64::MAX),
        start_time: Some(timestamp_to_wire(count.first)),
        end_time: Some(timestamp_to_wire(count.last)),
        cause: count.cause.as_str().to_owned(),
    });
    let subject = Subject::Organization(provider.organization_id());
    Draft::new(act, "identity.sign_in.refusals_counted", provider, subject, payload)
        .refused(Reason::SignInRefused.as_str())
}

/// `identity.session.refreshed`
#[must_use]
pub fn session_refreshed(act: &Act, path: &OrganizationPath, session: SessionId) -> Draft {
    let payload = events::SessionRefreshed { session_id: session.to_string() };
    let payload = Payload::SessionRefreshed(payload);
    Draft::new(act, "identity.session.refreshed", path, Subject::Session(session), payload)
}

/// `identity.session.stepped_up`
#[must_use]
pub fn session_stepped_up(act: &Act, path: &OrganizationPath, session: &Session) -> Draft {
    let payload = events::SessionSteppedUp { session_id: session.id.to_string(), amr: session.methods.amr() };
    let payload = Payload::SessionSteppedUp(payload);
    Draft::new(act, "identity.session.stepped_up", path, Subject::Session(session.id), payload)
}

/// `identity.session.ended`
#[must_use]
pub fn session_ended(act: &Act, path: &OrganizationPath, session: SessionId, cause: EndCause) -> Draft {
    let cause = match cause {
        EndCause::Revoked => events::SessionEnd::Revoked,
        EndCause::RefreshTokenReused => events::SessionEnd::RefreshTokenReused,
        EndCause::FactorChanged => events::SessionEnd::FactorChanged,
        EndCause::MfaRequired => events::SessionEnd::MfaRequired,
        EndCause::UserChanged => events::SessionEnd::UserChanged,
        EndCause::OrganizationChanged => events::SessionEnd::OrganizationChanged,
    };
    let payload = events::SessionEnded { session_id: session.to_string(), cause: cause.into() };
    let payload = Payload::SessionEnded(payload);
    Draft::new(act, "identity.session.ended", path, Subject::Session(session), payload)
}

/// `identity.user.sessions_floored`
#[must_use]
pub fn sessions_floored(
    act: &Act,
    path: &OrganizationPath,
    user: UserId,
    floor: i64,
    ended: &[SessionId],
    ended_sign_ins: u64,
) -> Draft {
    let payload = events::SessionsFloored {
        generation_floor: floor,
        ended_session_ids: ended.iter().map(ToString::to_string).collect(),
        ended_sign_ins: i32::try_from(ended_sign_ins).unwrap_or(i32::MAX),
    };
    let payload = Payload::SessionsFloored(payload);
    Draft::new(act, "identity.user.sessions_floored", path, Subject::User(user), payload)
}

/// `identity.signing_key.created`
#[must_use]
pub fn signing_key_created(
    act: &Act,
    provider: &OrganizationPath,
    key_id: &str,
    sign_from: Timestamp,
) -> Draft {
    let sign_from = Some(timestamp_to_wire(sign_from));
    let payload =
        Payload::SigningKeyCreated(events::SigningKeyCreated { key_id: key_id.to_owned(), sign_from });
    let subject = Subject::SigningKey(key_id.to_owned());
    Draft::new(act, "identity.signing_key.created", provider, subject, payload)
}

/// `identity.signing_key.retired`
#[must_use]
pub fn signing_key_retired(act: &Act, provider: &OrganizationPath, key_id: &str) -> Draft {
    let payload = Payload::SigningKeyRetired(events::SigningKeyRetired { key_id: key_id.to_owned() });
    let subject = Subject::SigningKey(key_id.to_owned());
    Draft::new(act, "identity.signing_key.retired", provider, subject, payload)
}

/// `identity.call.refused`: belongs to the caller's own organisation and names no object.
#[must_use]
pub fn call_refused(act: &Act, caller: &OrganizationPath, method: &str, reason: Reason) -> Draft {
    let payload = events::CallRefused { method: method.to_owned(), reason: reason.as_str().to_owned() };
    let payload = Payload::CallRefused(payload);
    Draft::new(act, "identity.call.refused", caller, Subject::Method(method.to_owned()), payload)
        .refused(reason.as_str())
}

/// `identity.call.refused`, for a refresh token of a session that is over: whoever shows it is not known to be the user.
#[must_use]
pub fn refresh_refused(act: &Act, path: &OrganizationPath, session: SessionId) -> Draft {
    let reason = Reason::RefreshRefused.as_str();
    let payload = events::CallRefused {
        method: "/countersign.identity.v1.SessionService/RefreshSession".to_owned(),
        reason: reason.to_owned(),
    };
    let payload = Payload::CallRefused(payload);
    Draft::new(act, "identity.call.refused", path, Subject::Session(session), payload).refused(reason)
}

const fn refusal_to_wire(refusal: Refusal) -> events::SignInRefusal {
    match refusal {
        Refusal::LoginUnknown => events::SignInRefusal::LoginUnknown,
        Refusal::PasswordWrong => events::SignInRefusal::PasswordWrong,
        Refusal::UserNotActive => events::SignInRefusal::UserNotActive,
        Refusal::OrganizationNotActive => events::SignInRefusal::OrganizationNotActive,
        Refusal::NotLocal => events::SignInRefusal::NotLocal,
        Refusal::CodeRefused => events::SignInRefusal::CodeRefused,
        Refusal::Outdated => events::SignInRefusal::Outdated,
        Refusal::Undecided => events::SignInRefusal::Undecided,
        Refusal::EnrollmentRefused => events::SignInRefusal::EnrollmentRefused,
        Refusal::Exhausted => events::SignInRefusal::Exhausted,
    }
}
