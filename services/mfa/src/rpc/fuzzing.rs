//! For the fuzz targets alone: a message from a caller, read as its handler reads it.

use fault::{Fault, Reason};
use prost::Message;
use proto::mfa;

use super::{adoption, parse};

type Read = fn(&[u8]) -> Result<(), Fault>;

/// How each request is read.
pub const REQUESTS: &[Read] = &[
    |bytes| read(bytes, |request: &mfa::EnforceMfaRequest| parse::enforce(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::DisableMfaRequest| parse::disable(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::ReenableMfaRequest| parse::reenable(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::BeginEnrollmentRequest| parse::begin(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::RemoveFactorRequest| parse::remove(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::ResetMfaRequest| parse::reset(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::UnlockUserRequest| parse::unlock(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::BreakGlassTicketRequest| parse::break_glass(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::IssueEnrollmentTicketRequest| parse::issue(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::VerifyCodeRequest| parse::verify(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::VerifyRecoveryCodeRequest| parse::verify_recovery(request).map(drop)),
    |bytes| read(bytes, |request: &mfa::ListEnforcementsRequest| adoption::parse_list(request).map(drop)),
    |bytes| {
        read(bytes, |request: &mfa::PreviewEnforcementRequest| adoption::parse_preview(request).map(drop))
    },
    |bytes| read(bytes, |facts: &proto::common::UserFacts| wire::UserFacts::parse(Some(facts)).map(drop)),
];

/// Why the request of that number is refused, if it is.
///
/// # Errors
/// What its handler would answer. What is no message of the kind is refused before any handler, and nothing here.
pub fn read_request(number: u8, bytes: &[u8]) -> Result<(), Reason> {
    let read = REQUESTS.get(usize::from(number) % REQUESTS.len());
    read.map_or(Ok(()), |read| read(bytes)).map_err(|fault| fault.reason())
}

fn read<M: Message + Default>(bytes: &[u8], handler: fn(&M) -> Result<(), Fault>) -> Result<(), Fault> {
    M::decode(bytes).map_or(Ok(()), |message| handler(&message))
}
