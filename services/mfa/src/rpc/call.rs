//! What a request says about itself, besides its content.

use std::sync::Arc;

use access::SignedIn;
use eventlog::request_record::{self, sealed};
use fault::Outcome;
use keyring::Keyring;
use prost::Message;
use proto::mfa::ConfirmSignInEnrollmentRequest;
use tonic::Request;
use types::{AttemptId, RequestId, ServiceName, UserId};
use wire::optional_id;

use crate::ops::{Call, OperatorCall};

/// A user's call whose repetition is recognised. Its request id is the user's: two users may happen to use the same one.
///
/// # Errors
/// INVALID_ARGUMENT when the request id is none.
pub(super) fn by<M: Message>(
    caller: &SignedIn,
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<Call> {
    let call = unrepeated(request_id, request)?;
    let key = call
        .request_id
        .map(|id| request_record::Key::new(caller.user_id.to_string(), method, id, request.get_ref()));
    Ok(Call { request: key, ..call })
}

/// A user's call whose answer is not kept; the request id goes into its events.
///
/// # Errors
/// As [`by`].
pub(super) fn unrepeated<M>(request_id: &str, request: &Request<M>) -> Outcome<Call> {
    let request_id: Option<RequestId> = optional_id("request_id", request_id)?;
    Ok(Call { info: rpc::call_info(request), request_id, request: None, kept: None })
}

/// A user's call whose repetition is recognised, and whose answer is kept sealed: it holds a secret, or the request does.
///
/// # Errors
/// As [`by`].
pub(super) fn kept<M: Message>(
    keyring: &Arc<Keyring>,
    caller: &SignedIn,
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<Call> {
    let call = unrepeated(request_id, request)?;
    let user = caller.user_id.to_string();
    let kept = call.request_id.map(|id| {
        sealed::Key::new(keyring, ServiceName::Mfa, user.clone(), method, id, request.get_ref()).of_user(user)
    });
    Ok(Call { kept, ..call })
}

/// What the answer to a confirmation at sign-in is kept with: under its attempt, sealed with a key that identity derives from
/// the sign-in token, so that nobody without the token gets the recovery codes. None when identity sends no such key.
///
/// # Errors
/// INVALID_ARGUMENT: the key is too short to be one.
pub(super) fn kept_attempt(
    keyring: &Arc<Keyring>,
    wire: &ConfirmSignInEnrollmentRequest,
    attempt_id: AttemptId,
    user: UserId,
) -> Outcome<Option<sealed::Key>> {
    if wire.replay_key.is_empty() {
        return Ok(None);
    }
    // What makes it the same attempt. Facts about user and client may differ in a repetition.
    let content = ConfirmSignInEnrollmentRequest {
        sign_in_id: wire.sign_in_id.clone(),
        code: wire.code.clone(),
        ..ConfirmSignInEnrollmentRequest::default()
    };
    let id = RequestId::from_uuid(attempt_id.uuid());
    let scope = format!("sign_in:{}", wire.sign_in_id);
    let key = sealed::Key::new(keyring, ServiceName::Mfa, scope, "ConfirmSignInEnrollment", id, &content);
    key.of_user(user).with_secret(&wire.replay_key).map(Some)
}

/// A call of the operator's, for nobody, whose answer holds a secret and is kept sealed.
///
/// # Errors
/// As [`by`].
pub(super) fn by_operator<M: Message>(
    keyring: &Arc<Keyring>,
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<OperatorCall> {
    let info = rpc::call_info(request);
    let request_id: Option<RequestId> = optional_id("request_id", request_id)?;
    let request = request_id.map(|id| {
        sealed::Key::new(keyring, ServiceName::Mfa, info.peer.clone(), method, id, request.get_ref())
    });
    Ok(OperatorCall { info, request_id, request })
}
