//! Answers as they are kept under a caller's request id, and given.

use fault::{Fault, Outcome, Reason};
use proto::common;
use proto::identity::{
    ChangePasswordResponse, CreateUserResponse, NextStep, RefreshSessionResponse, RevokeUserSessionsResponse,
    Session as WireSession, StepUpResponse, User as WireUser, VerifyRecoveryCodeResponse,
};
use types::Token;
use wire::{UserState, auth_source_to_wire, role_to_wire, timestamp_to_wire};

use crate::domain::Timestamp;
use crate::domain::opened::{AccessToken, FinishedSignIn, OpenedSession};
use crate::domain::user::User;

/// The answer to the creation of a user; the use case keeps it and hands it on, and looks at nothing in it.
pub type UserCreated = CreateUserResponse;

/// The answer to a change of a user, as it is kept: the user afterwards.
pub type UserChanged = WireUser;

/// The answer to the creation of a user, as it is kept: without the invitation, which is shown once.
#[must_use]
pub fn user_created(created: &User) -> UserCreated {
    UserCreated { user: Some(user(created)), ..UserCreated::default() }
}

/// The same with the invitation, as it is given.
#[must_use]
pub fn with_invitation(answer: UserCreated, invitation: &Token, expire_time: Timestamp) -> UserCreated {
    UserCreated {
        invitation: invitation.expose().to_owned(),
        invitation_expire_time: Some(timestamp_to_wire(expire_time)),
        ..answer
    }
}

/// The answer to whatever finishes a sign-in, as it is kept: a session, or a new password as the next step; neither where it
/// was refused. What only one of these calls answers is empty in the others.
pub type SignInAnswer = VerifyRecoveryCodeResponse;

/// The answer when a session was opened.
#[must_use]
pub fn sign_in_completed(opened: &OpenedSession, recovery_codes_left: i32) -> SignInAnswer {
    let next_step = NextStep::Complete.into();
    SignInAnswer { session: Some(session(opened)), next_step, recovery_codes_left }
}

/// The answer when a new password is next.
#[must_use]
pub fn password_awaited(recovery_codes_left: i32) -> SignInAnswer {
    SignInAnswer { session: None, next_step: NextStep::ChangePassword.into(), recovery_codes_left }
}

/// The answer when the sign-in was refused.
#[must_use]
pub fn sign_in_refused() -> SignInAnswer {
    SignInAnswer::default()
}

/// What an answer says.
///
/// # Errors
/// SIGN_IN_REFUSED; CORRUPT when it is none that was kept here.
pub fn read_sign_in(answer: &SignInAnswer) -> Outcome<FinishedSignIn> {
    match (&answer.session, answer.next_step()) {
        (Some(session), NextStep::Complete) => Ok(FinishedSignIn::Complete(read_session(session)?)),
        (None, NextStep::ChangePassword) => Ok(FinishedSignIn::ChangePassword),
        (None, NextStep::Unspecified) => Err(Reason::SignInRefused.into()),
        _ => Err(unreadable("a kept answer to a sign-in is none")),
    }
}

/// The answer to a refresh, as it is kept.
pub type Refreshed = RefreshSessionResponse;

/// That a session was stepped up, as it is kept: nothing. The access token is made anew when it is given again.
pub type SteppedUp = StepUpResponse;

/// That a password was changed, as it is kept: nothing.
pub type PasswordChanged = ChangePasswordResponse;

/// A session as it is handed to the client.
#[must_use]
pub fn session(opened: &OpenedSession) -> WireSession {
    WireSession {
        access_token: opened.access_token.text.clone(),
        access_token_expire_time: Some(timestamp_to_wire(opened.access_token.expire_time)),
        refresh_token: opened.refresh_token.expose().to_owned(),
        session_id: opened.session_id.to_string(),
    }
}

/// Reads [`session`] back.
///
/// # Errors
/// CORRUPT.
pub fn read_session(session: &WireSession) -> Outcome<OpenedSession> {
    let expire_time = session.access_token_expire_time.as_ref();
    let expire_time = expire_time.ok_or_else(|| unreadable("a kept session lacks a time"))?;
    Ok(OpenedSession {
        session_id: session.session_id.parse().map_err(unreadable)?,
        access_token: AccessToken {
            text: session.access_token.clone(),
            expire_time: wire::timestamp("access_token_expire_time", expire_time).map_err(unreadable)?,
        },
        refresh_token: session.refresh_token.parse().map_err(unreadable)?,
    })
}

fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Reason::Corrupt).with_cause(cause)
}

/// The answer to the end of all of a user's sessions, as it is kept.
pub type SessionsRevoked = RevokeUserSessionsResponse;

/// How many sessions were ended.
#[must_use]
pub fn sessions_revoked(ended_sessions: i32) -> SessionsRevoked {
    SessionsRevoked { ended_sessions }
}

/// A user.
#[must_use]
pub fn user(user: &User) -> WireUser {
    let state = match user.state {
        UserState::Active => common::UserState::Active,
        UserState::Inactive => common::UserState::Disabled,
        UserState::Deleted => common::UserState::Deleted,
    };
    WireUser {
        id: user.id.to_string(),
        organization_id: user.organization_id.to_string(),
        login: user.login.to_string(),
        display_name: user.display_name.to_string(),
        email: user.email.to_string(),
        role: role_to_wire(user.role).into(),
        auth_source: auth_source_to_wire(user.auth_source).into(),
        state: state.into(),
        etag: user.etag(),
        create_time: Some(timestamp_to_wire(user.create_time)),
        update_time: Some(timestamp_to_wire(user.update_time)),
    }
}
