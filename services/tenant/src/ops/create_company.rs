//! A new company below a reseller.

use access::SignedIn;
use fault::Outcome;
use types::{OrganizationId, OrganizationKind, OrganizationName, Realm};

use super::create_child::Child;
use super::{Call, Tenant};
use crate::domain::Organization;

/// The company to create.
#[derive(Debug)]
pub(crate) struct CreateCompany {
    pub(crate) reseller_id: OrganizationId,
    pub(crate) name: OrganizationName,
    pub(crate) realm: Option<Realm>,
    pub(crate) enforce_mfa: bool,
}

impl Tenant {
    /// Creates a company below a reseller in the caller's branch.
    ///
    /// # Errors
    /// As [`Tenant::create_child`].
    pub(crate) async fn create_company(
        &self,
        caller: SignedIn,
        command: CreateCompany,
        call: Call,
    ) -> Outcome<Organization> {
        let child = Child {
            parent_id: command.reseller_id,
            kind: OrganizationKind::Company,
            name: command.name,
            realm: command.realm,
            enforce_mfa: command.enforce_mfa,
        };
        self.create_child(caller, child, call).await
    }
}
