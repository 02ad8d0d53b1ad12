//! One organisation, for the other services.

use fault::{Outcome, Reason};
use types::{OrganizationId, Realm};

use super::Tenant;
use crate::domain::Organization;
use crate::store as rows;

/// What an organisation is found by.
#[derive(Debug)]
pub(crate) enum OrganizationKey {
    Id(OrganizationId),
    Realm(Realm),
}

impl Tenant {
    /// An organisation as tenant's own tables have it at this moment. Asks nobody further.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub(crate) async fn resolve_organization(&self, key: OrganizationKey) -> Outcome<Organization> {
        let found = match key {
            OrganizationKey::Id(id) => rows::load(&self.store, id).await?,
            OrganizationKey::Realm(realm) => rows::load_by_realm(&self.store, &realm).await?,
        };
        found.ok_or_else(|| Reason::NotFound.into())
    }
}
