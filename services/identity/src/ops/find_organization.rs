//! Finding an organisation in the copy; a miss is filled by asking tenant.

use fault::{Outcome, Reason};
use types::OrganizationId;
use wire::OrganizationFacts;

use super::Identity;
use crate::store::organizations;

impl Identity {
    /// Asks tenant for an organisation and adds it to the copy. For an organisation that users refer to: that tenant does
    /// not know it is a failure, not a finding.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn fill_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        let facts = self
            .tenant
            .resolve_organization(id)
            .await
            .map_err(|fault| fault::Fault::new(Reason::DependencyUnavailable).with_cause(fault))?;
        let copy = facts.clone();
        self.store
            .bookkeeping("fill_organization", copy, |unit, facts| {
                Box::pin(async move { Ok(organizations::project(unit, facts).await.map(drop)?) })
            })
            .await?;
        Ok(facts)
    }
}
