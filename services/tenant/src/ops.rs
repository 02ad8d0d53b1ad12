//! The use cases, one a file: each draws time and ids, opens the unit of work, and lets `domain` decide in it.
//!
//! Never here: tonic, prost, SQL text.

mod bootstrap;
mod create_child;
mod create_company;
mod create_reseller;
mod get_organization;
mod list_organizations;
mod record_refusal;
mod resolve_organization;
mod update_organization;

use std::sync::Arc;

use access::SignedIn;
use clock::{SharedClock, Timestamp};
use eventlog::{Act, Dependents, request_record};
use keyring::Keyring;
use rpc::CallInfo;
use store::Store;
use types::RequestId;

pub(crate) use bootstrap::Bootstrap;
pub(crate) use create_company::CreateCompany;
pub(crate) use create_reseller::CreateReseller;
pub(crate) use list_organizations::ListOrganizations;
pub(crate) use record_refusal::RefusedCall;
pub(crate) use resolve_organization::OrganizationKey;
pub(crate) use update_organization::UpdateOrganization;

/// What the use cases work with; each is a method of this.
pub(crate) struct Tenant {
    /// The service's own database.
    pub(crate) store: Store,
    /// The only source of time.
    pub(crate) clock: SharedClock,
    /// Authenticates page tokens.
    pub(crate) keyring: Arc<Keyring>,
    /// The services that must have applied a new organisation's enforcement before it is acknowledged: mfa.
    pub(crate) enforcers: Dependents,
}

/// The call that a mutation is done for.
pub(crate) struct Call {
    /// What events say about it.
    pub(crate) info: CallInfo,
    /// The caller's own id of it, for the event.
    pub(crate) request_id: Option<RequestId>,
    /// The same id with caller, method and content: what makes a repetition recognisable.
    pub(crate) request: Option<request_record::Key>,
}

impl Call {
    /// This call as the act of a user.
    fn act_of(&self, caller: &SignedIn, now: Timestamp) -> Act {
        Act::by_user(caller, &self.info, now).with_request_id(self.request_id)
    }

    /// This call as the act of whoever holds the operator's certificate.
    fn act_of_operator(&self, now: Timestamp) -> Act {
        Act::by_operator(&self.info, now).with_request_id(self.request_id)
    }
}
