//! What a request says about itself, besides its content.

use access::SignedIn;
use eventlog::request_record;
use fault::Outcome;
use prost::Message;
use tonic::Request;
use types::RequestId;
use wire::optional_id;

use crate::ops::Call;

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
    Ok(Call { info: rpc::call_info(request), request_id, request: None })
}
