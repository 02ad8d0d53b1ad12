//! Answers as they are kept under a caller's request id, and given.

use proto::common;
use proto::identity::{CreateUserResponse, User as WireUser};
use types::Token;
use wire::{UserState, auth_source_to_wire, role_to_wire, timestamp_to_wire};

use crate::domain::Timestamp;
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
