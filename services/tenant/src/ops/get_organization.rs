//! One organisation, for a user.

use access::{SignedIn, within_reach};
use fault::{Outcome, Reason};
use types::OrganizationId;

use super::Tenant;
use crate::domain::Organization;
use crate::store as rows;

impl Tenant {
    /// An organisation in the caller's branch.
    ///
    /// # Errors
    /// NOT_FOUND, the same for one that is foreign, missing or deleted.
    pub(crate) async fn get_organization(
        &self,
        caller: &SignedIn,
        id: OrganizationId,
    ) -> Outcome<Organization> {
        let organization = rows::load(&self.store, id).await?.ok_or(Reason::NotFound)?;
        within_reach(caller, &organization.path)?;
        organization.check(None)?;
        Ok(organization)
    }
}
