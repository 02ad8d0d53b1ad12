//! For the fuzz targets alone: a message from a caller, read as its handler reads it.

use fault::{Fault, Reason};
use prost::Message;
use proto::identity;
use tonic::Request;

use super::{sign_in_requests, user_requests};

type Read = fn(&[u8]) -> Result<(), Fault>;

/// How each request is read, as far as that needs no keyring and no caller.
const REQUESTS: &[Read] = &[
    |bytes| {
        read(bytes, |request: identity::StartSignInRequest| {
            sign_in_requests::start(Request::new(request)).map(drop)
        })
    },
    |bytes| {
        read(bytes, |request: identity::AssertExternalSignInRequest| {
            sign_in_requests::assertion(&Request::new(request)).map(drop)
        })
    },
    |bytes| {
        read(bytes, |request: identity::BootstrapRequest| {
            user_requests::bootstrap(&Request::new(request)).map(drop)
        })
    },
    |bytes| read(bytes, |request: identity::CreateUserRequest| user_requests::new_user(&request).map(drop)),
    |bytes| read(bytes, |request: identity::UpdateUserRequest| user_requests::changes(&request).map(drop)),
];

/// Why the request of that number is refused, if it is.
///
/// # Errors
/// What its handler would answer. What is no message of the kind is refused before any handler, and nothing here.
pub fn read_request(number: u8, bytes: &[u8]) -> Result<(), Reason> {
    let read = REQUESTS.get(usize::from(number) % REQUESTS.len());
    read.map_or(Ok(()), |read| read(bytes)).map_err(|fault| fault.reason())
}

fn read<M: Message + Default>(bytes: &[u8], handler: fn(M) -> Result<(), Fault>) -> Result<(), Fault> {
    M::decode(bytes).map_or(Ok(()), handler)
}
