//! For the fuzz targets alone: a message from a caller, read as its handler reads it.

use fault::{Fault, Reason};
use prost::Message;
use proto::tenant;

use super::parse;

type Read = fn(&[u8]) -> Result<(), Fault>;

/// How each request is read.
const REQUESTS: &[Read] = &[
    |bytes| read(bytes, |request: &tenant::BootstrapRequest| parse::bootstrap(request).map(drop)),
    |bytes| read(bytes, |request: &tenant::CreateResellerRequest| parse::create_reseller(request).map(drop)),
    |bytes| read(bytes, |request: &tenant::CreateCompanyRequest| parse::create_company(request).map(drop)),
    |bytes| {
        read(bytes, |request: &tenant::ListOrganizationsRequest| parse::list_organizations(request).map(drop))
    },
    |bytes| {
        read(bytes, |request: &tenant::UpdateOrganizationRequest| {
            parse::update_organization(request).map(drop)
        })
    },
    |bytes| read(bytes, |request: &tenant::AddRealmRequest| parse::add_realm(request).map(drop)),
    |bytes| {
        read(bytes, |request: &tenant::SuspendOrganizationRequest| {
            parse::suspend_organization(request).map(drop)
        })
    },
    |bytes| {
        read(bytes, |request: &tenant::ResumeOrganizationRequest| {
            parse::resume_organization(request).map(drop)
        })
    },
    |bytes| read(bytes, |request: &tenant::MoveCompanyRequest| parse::move_company(request).map(drop)),
    |bytes| {
        read(bytes, |request: &tenant::DeleteOrganizationRequest| {
            parse::delete_organization(request).map(drop)
        })
    },
    |bytes| {
        read(bytes, |request: &tenant::ResolveOrganizationRequest| parse::organization_key(request).map(drop))
    },
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
