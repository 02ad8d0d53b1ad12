//! What a request says about itself, besides its content.

use access::SignedIn;
use eventlog::request_record;
use fault::Outcome;
use prost::Message;
use tonic::Request;
use types::RequestId;
use wire::optional_id;

use crate::ops::Call;

/// A user's call of a mutation. Its request id is the user's: two users may happen to use the same one.
///
/// # Errors
/// INVALID_ARGUMENT when the request id is none.
pub(super) fn by<M: Message>(
    caller: &SignedIn,
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<Call> {
    mutation(&caller.user_id.to_string(), method, request_id, request)
}

/// The operator's call of a mutation, for no user.
///
/// # Errors
/// As [`by`].
pub(super) fn by_operator<M: Message>(
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<Call> {
    mutation("operator", method, request_id, request)
}

fn mutation<M: Message>(
    scope: &str,
    method: &'static str,
    request_id: &str,
    request: &Request<M>,
) -> Outcome<Call> {
    let request_id: Option<RequestId> = optional_id("request_id", request_id)?;
    let key = request_id.map(|id| request_record::Key::new(scope, method, id, request.get_ref()));
    Ok(Call { info: rpc::call_info(request), request_id, request: key })
}
