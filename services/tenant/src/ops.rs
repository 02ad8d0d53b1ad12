//! The use cases, one a file: each draws time and ids, opens the unit of work, and lets `domain` decide in it.
//!
//! Never here: tonic, prost, SQL text.

mod add_realm;
mod bootstrap;
mod change;
mod create_child;
mod create_company;
mod create_reseller;
mod delete_organization;
mod get_organization;
mod list_organizations;
mod move_company;
mod record_refusal;
mod resolve_organization;
mod set_suspended;
mod unchanged;
mod update_organization;

use std::sync::Arc;

use access::SignedIn;
use clock::{SharedClock, Timestamp};
use eventlog::{Act, Dependents, request_record};
use host::ClockGuard;
use keyring::Keyring;
use rpc::CallInfo;
use store::Store;
use types::RequestId;

pub(crate) use add_realm::AddRealm;
pub(crate) use bootstrap::Bootstrap;
pub(crate) use change::Wanted;
pub(crate) use create_company::CreateCompany;
pub(crate) use create_reseller::CreateReseller;
pub(crate) use delete_organization::DeleteOrganization;
pub(crate) use list_organizations::ListOrganizations;
pub(crate) use move_company::MoveCompany;
pub(crate) use record_refusal::RefusedCall;
pub(crate) use resolve_organization::OrganizationKey;
pub(crate) use set_suspended::SetSuspended;
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
    /// The services that must have applied a change of an organisation before it is acknowledged: identity and mfa.
    pub(crate) dependents: Dependents,
    /// Policy is not set while the clock is not known to be right.
    pub(crate) clock_guard: ClockGuard,
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
