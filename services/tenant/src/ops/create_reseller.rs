//! A new reseller below the provider.

use access::SignedIn;
use fault::Outcome;
use types::{OrganizationKind, OrganizationName, Realm};

use super::create_child::Child;
use super::{Call, Tenant};
use crate::domain::Organization;

/// The reseller to create.
#[derive(Debug)]
pub(crate) struct CreateReseller {
    pub(crate) name: OrganizationName,
    pub(crate) realm: Option<Realm>,
    pub(crate) enforce_mfa: bool,
}

impl Tenant {
    /// Creates a reseller below the caller's provider; there is one.
    ///
    /// # Errors
    /// As [`Tenant::create_child`].
    pub(crate) async fn create_reseller(
        &self,
        caller: SignedIn,
        command: CreateReseller,
        call: Call,
    ) -> Outcome<Organization> {
        let child = Child {
            parent_id: caller.path.provider_id(),
            kind: OrganizationKind::Reseller,
            name: command.name,
            realm: command.realm,
            enforce_mfa: command.enforce_mfa,
        };
        self.create_child(caller, child, call).await
    }
}
