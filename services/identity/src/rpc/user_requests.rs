//! Requests of `UserService` as commands. What cannot be read is an INVALID_ARGUMENT that names the field.

use std::sync::Arc;

use ::rpc::signed_in;
use access::SignedIn;
use eventlog::request_record::{Key, sealed};
use fault::{Fault, Outcome};
use keyring::Keyring;
use proto::common;
use proto::identity::{
    BootstrapRequest, ChangePasswordRequest, CreateUserRequest, DeleteUserRequest, DisableUserRequest,
    EnableUserRequest, IssueInvitationRequest, SetPasswordRequest, UpdateUserRequest,
};
use tonic::Request;
use types::{AuthSource, Password, ServiceName};
use wire::{UserState, id, optional_id};

use super::fields::{origin, password, role};
use crate::domain::user_change::{Changes, NewSource};
use crate::ops::{
    Bootstrap, ChangePassword, ChangeUserState, CreateUser, IssueInvitation, NewUser, SetPassword, UpdateUser,
};

const CREATE_USER: &str = "/countersign.identity.v1.UserService/CreateUser";
const UPDATE_USER: &str = "/countersign.identity.v1.UserService/UpdateUser";
const CHANGE_PASSWORD: &str = "/countersign.identity.v1.UserService/ChangePassword";
const DISABLE_USER: &str = "/countersign.identity.v1.UserService/DisableUser";
const ENABLE_USER: &str = "/countersign.identity.v1.UserService/EnableUser";
const DELETE_USER: &str = "/countersign.identity.v1.UserService/DeleteUser";

pub(super) fn bootstrap(request: &Request<BootstrapRequest>) -> Outcome<Bootstrap> {
    let message = request.get_ref();
    Ok(Bootstrap {
        organization_id: id("organization_id", &message.organization_id)?,
        login: id("login", &message.login)?,
        display_name: id("display_name", &message.display_name)?,
        email: id("email", &message.email)?,
        password: required_password("password", &message.password)?,
        origin: origin(request, None, "")?,
    })
}

/// The fingerprint of a creation is stored: it holds the password only under the keyring's key, as a plain hash of a
/// password could be guessed.
pub(super) fn create_user(keyring: &Keyring, request: &Request<CreateUserRequest>) -> Outcome<CreateUser> {
    let message = request.get_ref();
    let (caller, origin) = (signed_in(request)?, origin(request, None, &message.request_id)?);
    let key = origin.request_id.map(|id| {
        let password = keyed(keyring, "identity.create_user.password", &message.password);
        let content = CreateUserRequest { request_id: String::new(), password, ..message.clone() };
        Key::new(caller.user_id.to_string(), CREATE_USER, id, &content)
    });
    Ok(CreateUser { new: new_user(message)?, caller, key, origin })
}

pub(super) fn new_user(message: &CreateUserRequest) -> Outcome<NewUser> {
    let auth_source = if message.auth_source == common::AuthSource::Unspecified as i32 {
        AuthSource::Local
    } else {
        auth_source(message.auth_source)?
    };
    Ok(NewUser {
        organization_id: id("organization_id", &message.organization_id)?,
        login: id("login", &message.login)?,
        display_name: id("display_name", &message.display_name)?,
        email: id("email", &message.email)?,
        role: role("role", message.role)?,
        auth_source,
        password: password("password", &message.password)?,
        invite: message.invite,
        external_subject: optional_id("external_subject", &message.external_subject)?,
        enforce_mfa: message.enforce_mfa,
    })
}

pub(super) fn update_user(keyring: &Keyring, request: &Request<UpdateUserRequest>) -> Outcome<UpdateUser> {
    let message = request.get_ref();
    let (caller, origin) = (signed_in(request)?, origin(request, None, &message.request_id)?);
    let key = origin.request_id.map(|id| {
        let password = keyed(keyring, "identity.update_user.password", &message.password);
        let content = UpdateUserRequest { request_id: String::new(), password, ..message.clone() };
        Key::new(caller.user_id.to_string(), UPDATE_USER, id, &content)
    });
    let user_id = id("user_id", &message.user_id)?;
    Ok(UpdateUser { changes: changes(message)?, etag: etag(&message.etag), caller, user_id, key, origin })
}

/// What the mask names, and nothing else.
pub(super) fn changes(message: &UpdateUserRequest) -> Outcome<Changes<Password>> {
    let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return Err(Fault::field("update_mask", "must name the fields to change"));
    }
    let mut changes = Changes { display_name: None, email: None, role: None, source: None };
    for path in paths {
        match path.as_str() {
            "display_name" => changes.display_name = Some(id("display_name", &message.display_name)?),
            "email" => changes.email = Some(id("email", &message.email)?),
            "role" => changes.role = Some(role("role", message.role)?),
            "auth_source" => changes.source = Some(source(message)?),
            _ => return Err(Fault::field("update_mask", "names a field that cannot be changed")),
        }
    }
    if changes.source.is_none() {
        for (field, text) in
            [("password", &message.password), ("external_subject", &message.external_subject)]
        {
            if !text.is_empty() {
                return Err(Fault::field(field, "goes with `auth_source` in update_mask"));
            }
        }
    }
    Ok(changes)
}

fn source(message: &UpdateUserRequest) -> Outcome<NewSource<Password>> {
    match auth_source(message.auth_source)? {
        AuthSource::Local if !message.external_subject.is_empty() => {
            Err(Fault::field("external_subject", "must be empty for a local user"))
        }
        AuthSource::Local => Ok(NewSource::Local(password("password", &message.password)?)),
        AuthSource::External if !message.password.is_empty() => {
            Err(Fault::field("password", "must be empty for an external user"))
        }
        AuthSource::External => Ok(NewSource::External(id("external_subject", &message.external_subject)?)),
    }
}

pub(super) fn set_password(request: &Request<SetPasswordRequest>) -> Outcome<SetPassword> {
    let message = request.get_ref();
    Ok(SetPassword {
        caller: signed_in(request)?,
        user_id: id("user_id", &message.user_id)?,
        password: required_password("password", &message.password)?,
        origin: origin(request, None, "")?,
    })
}

pub(super) fn change_password(
    keyring: &Arc<Keyring>,
    request: &Request<ChangePasswordRequest>,
) -> Outcome<ChangePassword> {
    let message = request.get_ref();
    let (bearer, origin) = (signed_in(request)?, origin(request, None, &message.request_id)?);
    let key = origin.request_id.map(|id| {
        let scope = bearer.session_id.to_string();
        sealed::Key::new(keyring, ServiceName::Identity, scope, CHANGE_PASSWORD, id, message)
            .of_user(bearer.user_id)
    });
    // The present password may be any text that somebody could have set as one.
    let current = Password::parse(&message.current_password).filter(|current| !current.expose().is_empty());
    Ok(ChangePassword {
        bearer,
        current: current.ok_or_else(|| {
            Fault::field("current_password", "is required, and at most 256 characters long")
        })?,
        new: required_password("new_password", &message.new_password)?,
        key,
        origin,
    })
}

pub(super) fn disable_user(request: &Request<DisableUserRequest>) -> Outcome<ChangeUserState> {
    let message = request.get_ref();
    let content = DisableUserRequest { request_id: String::new(), ..message.clone() };
    let asked = Asked {
        user_id: &message.user_id,
        reason: &message.reason,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    change_state(request, UserState::Inactive, asked, |caller, id| {
        Key::new(caller.user_id.to_string(), DISABLE_USER, id, &content)
    })
}

pub(super) fn enable_user(request: &Request<EnableUserRequest>) -> Outcome<ChangeUserState> {
    let message = request.get_ref();
    let content = EnableUserRequest { request_id: String::new(), ..message.clone() };
    let asked = Asked {
        user_id: &message.user_id,
        reason: &message.reason,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    change_state(request, UserState::Active, asked, |caller, id| {
        Key::new(caller.user_id.to_string(), ENABLE_USER, id, &content)
    })
}

pub(super) fn delete_user(request: &Request<DeleteUserRequest>) -> Outcome<ChangeUserState> {
    let message = request.get_ref();
    let content = DeleteUserRequest { request_id: String::new(), ..message.clone() };
    let asked = Asked {
        user_id: &message.user_id,
        reason: &message.reason,
        etag: &message.etag,
        request_id: &message.request_id,
    };
    change_state(request, UserState::Deleted, asked, |caller, id| {
        Key::new(caller.user_id.to_string(), DELETE_USER, id, &content)
    })
}

/// What the three requests for another state of a user have in common.
struct Asked<'a> {
    user_id: &'a str,
    reason: &'a str,
    etag: &'a str,
    request_id: &'a str,
}

fn change_state<T>(
    request: &Request<T>,
    state: UserState,
    asked: Asked<'_>,
    key: impl FnOnce(&SignedIn, types::RequestId) -> Key,
) -> Outcome<ChangeUserState> {
    let caller = signed_in(request)?;
    let origin = origin(request, None, asked.request_id)?;
    Ok(ChangeUserState {
        user_id: id("user_id", asked.user_id)?,
        state,
        reason: id("reason", asked.reason)?,
        etag: etag(asked.etag),
        key: origin.request_id.map(|id| key(&caller, id)),
        caller,
        origin,
    })
}

pub(super) fn issue_invitation(request: &Request<IssueInvitationRequest>) -> Outcome<IssueInvitation> {
    Ok(IssueInvitation {
        caller: signed_in(request)?,
        user_id: id("user_id", &request.get_ref().user_id)?,
        origin: origin(request, None, "")?,
    })
}

fn auth_source(wire: i32) -> Outcome<AuthSource> {
    wire::auth_source(wire).ok_or_else(|| Fault::field("auth_source", "is not known"))
}

/// What a caller sent back; none when it sent nothing and so demands nothing.
fn etag(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn required_password(field: &'static str, text: &str) -> Outcome<Password> {
    password(field, text)?.ok_or_else(|| Fault::field(field, "is required"))
}

fn keyed(keyring: &Keyring, purpose: &str, password: &str) -> String {
    data_encoding::HEXLOWER.encode(&keyring.lasting_mac(purpose, password.as_bytes()).mac)
}

#[cfg(test)]
mod tests;
