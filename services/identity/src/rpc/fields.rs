//! Fields that several requests share, and what several answers hold.

use std::sync::Arc;

use ::rpc::call_info;
use eventlog::request_record::sealed;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use keyring::digest::token_hash;
use prost::Message;
use proto::common;
use proto::identity;
use tonic::Request;
use types::{Password, RequestId, Role, ServiceName, Token};
use wire::{Client, timestamp_to_wire};

use crate::domain::session::Session;
use crate::ops::Origin;
pub(super) use crate::store::answers::session;

/// Where a call comes from.
pub(super) fn origin<T>(
    request: &Request<T>,
    client: Option<&common::Client>,
    request_id: &str,
) -> Outcome<Origin> {
    Ok(Origin {
        call: call_info(request),
        client: Client::parse(client)?,
        request_id: wire::optional_id("request_id", request_id)?,
    })
}

/// A token of ours: a required text. What can be none of ours is `None`, to be refused like one that nobody gave out.
pub(super) fn token(field: &'static str, text: &str) -> Outcome<Option<Token>> {
    if text.is_empty() {
        return Err(Fault::field(field, "is required"));
    }
    Ok(text.parse().ok())
}

/// A call of somebody who comes with a token and a request id: its answer is kept for who brings that token again.
/// `content` is what the id stands for; the token itself need not be in it.
///
/// # Errors
/// INTERNAL.
pub(super) fn key_of_token(
    keyring: &Arc<Keyring>,
    method: &'static str,
    token: Option<&Token>,
    request_id: Option<RequestId>,
    content: &impl Message,
) -> Outcome<Option<sealed::Key>> {
    let (Some(token), Some(request_id)) = (token, request_id) else { return Ok(None) };
    // The hash stands in the database anyway, and leads back to no token.
    let scope = data_encoding::HEXLOWER.encode(&token_hash(token).0);
    let key = sealed::Key::new(keyring, ServiceName::Identity, scope, method, request_id, content);
    key.with_secret(token.expose().as_bytes()).map(Some)
}

/// A new password; none when it is empty.
pub(super) fn password(field: &'static str, text: &str) -> Outcome<Option<Password>> {
    if text.is_empty() {
        return Ok(None);
    }
    let too_long =
        || Fault::new(Reason::PasswordNotAcceptable).with_field(field, "is longer than 256 characters");
    Password::parse(text).map(Some).ok_or_else(too_long)
}

/// A role as a filter: unspecified means all.
pub(super) fn role_filter(field: &'static str, wire: i32) -> Outcome<Option<Role>> {
    if wire == common::Role::Unspecified as i32 { Ok(None) } else { role(field, wire).map(Some) }
}

/// A required role.
pub(super) fn role(field: &'static str, wire: i32) -> Outcome<Role> {
    wire::role(wire).ok_or_else(|| Fault::field(field, "is not a role"))
}

/// The size of a page: 0 means 50, at most 500.
pub(super) fn page_size(wire: i32) -> Outcome<usize> {
    match usize::try_from(wire) {
        Err(_) => Err(Fault::field("page_size", "must not be negative")),
        Ok(0) => Ok(50),
        Ok(size) => Ok(size.min(500)),
    }
}

/// What is known about a session.
pub(super) fn session_facts(session: &Session) -> identity::SessionFacts {
    identity::SessionFacts {
        session_id: session.id.to_string(),
        auth_time: Some(timestamp_to_wire(session.auth_time)),
        amr: session.methods.amr(),
        mfa_time: session.mfa_time.map(timestamp_to_wire),
        expire_time: Some(timestamp_to_wire(session.expire_time)),
        generation: session.basis.generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_bounded() {
        for (wire, expected) in [(0, Some(50)), (1, Some(1)), (500, Some(500)), (501, Some(500)), (-1, None)]
        {
            assert_eq!(page_size(wire).ok(), expected, "{wire}");
        }
    }

    #[test]
    fn unknown_roles_are_none_and_never_a_default() {
        assert_eq!(role_filter("role", 0).unwrap(), None);
        assert_eq!(role_filter("role", 7).unwrap(), Some(Role::CompanyAdmin));
        assert!(role_filter("role", 99).is_err());
        assert!(role("role", 0).is_err());
    }

    #[test]
    fn a_token_is_required_and_what_is_none_of_ours_is_nobodys() {
        assert!(token("sign_in_token", "").is_err());
        assert!(token("sign_in_token", "x").unwrap().is_none());
        let ours = Token::generate().unwrap();
        assert!(token("sign_in_token", ours.expose()).unwrap().is_some());
    }
}
