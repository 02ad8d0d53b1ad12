//! Requests of `SessionService` as commands. What cannot be read is an INVALID_ARGUMENT that names the field.

use ::rpc::signed_in;
use eventlog::request_record::{Key, sealed};
use fault::Outcome;
use proto::identity::{ListSessionsRequest, RefreshSessionRequest, RevokeUserSessionsRequest, StepUpRequest};
use tonic::Request;
use types::{Reasoning, ServiceName};

use super::fields::{key_of_token, origin, page_size, token};
use crate::ops::{Identity, ListSessions, REFRESH_KEPT, RefreshSession, RevokeUserSessions, StepUp};

const REFRESH_SESSION: &str = "/countersign.identity.v1.SessionService/RefreshSession";
const STEP_UP: &str = "/countersign.identity.v1.SessionService/StepUp";
const REVOKE_USER_SESSIONS: &str = "/countersign.identity.v1.SessionService/RevokeUserSessions";

pub(super) fn refresh_session(
    identity: &Identity,
    request: &Request<RefreshSessionRequest>,
) -> Outcome<RefreshSession> {
    let message = request.get_ref();
    let refresh_token = token("refresh_token", &message.refresh_token)?;
    let origin = origin(request, message.client.as_ref(), &message.request_id)?;
    // The token is all that is asked for: where it comes from may have changed since.
    let content = RefreshSessionRequest::default();
    let key = key_of_token(
        &identity.keyring,
        REFRESH_SESSION,
        refresh_token.as_ref(),
        origin.request_id,
        &content,
    )?;
    Ok(RefreshSession { refresh_token, key: key.map(|key| key.kept_for(REFRESH_KEPT)), origin })
}

/// Sealed not for the answer's sake, which holds no secret, but for the code's.
pub(super) fn step_up(identity: &Identity, request: &Request<StepUpRequest>) -> Outcome<StepUp> {
    let message = request.get_ref();
    let (bearer, origin) = (signed_in(request)?, origin(request, None, &message.request_id)?);
    let key = origin.request_id.map(|id| {
        let scope = bearer.session_id.to_string();
        sealed::Key::new(&identity.keyring, ServiceName::Identity, scope, STEP_UP, id, message)
            .of_user(bearer.user_id)
    });
    Ok(StepUp { code: wire::id("code", &message.code)?, bearer, key, origin })
}

pub(super) fn list_sessions(request: &Request<ListSessionsRequest>) -> Outcome<ListSessions> {
    let message = request.get_ref();
    Ok(ListSessions {
        caller: signed_in(request)?,
        user_id: wire::optional_id("user_id", &message.user_id)?,
        page_size: page_size(message.page_size)?,
        page_token: message.page_token.clone(),
    })
}

pub(super) fn revoke_user_sessions(
    request: &Request<RevokeUserSessionsRequest>,
) -> Outcome<RevokeUserSessions> {
    let message = request.get_ref();
    let (caller, origin) = (signed_in(request)?, origin(request, None, &message.request_id)?);
    let content = RevokeUserSessionsRequest { request_id: String::new(), ..message.clone() };
    let key =
        origin.request_id.map(|id| Key::new(caller.user_id.to_string(), REVOKE_USER_SESSIONS, id, &content));
    let reason: Reasoning = wire::id("reason", &message.reason)?;
    Ok(RevokeUserSessions {
        user_id: wire::optional_id("user_id", &message.user_id)?,
        reason: (!reason.as_str().is_empty()).then_some(reason),
        caller,
        key,
        origin,
    })
}
