//! Finding an organisation in the copy, with everything above it; what the copy lacks is asked of tenant. What an
//! administrator's power is decided on is always asked of tenant.

use access::{SignedIn, within_reach};
use fault::{Fault, Outcome, Reason};
use types::OrganizationId;
use wire::{OrganizationFacts, OrganizationState};

use super::Identity;
use crate::domain::organization::{Branch, Organization};
use crate::store::organizations;

impl Identity {
    /// An organisation of the caller's branch, on tenant's word.
    ///
    /// # Errors
    /// NOT_FOUND for one that is foreign or deleted as for none; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn organization_in_reach(
        &self,
        caller: &SignedIn,
        id: OrganizationId,
    ) -> Outcome<OrganizationFacts> {
        let facts = self.tenant.resolve_organization(id).await?;
        within_reach(caller, &facts.path)?;
        if facts.state == OrganizationState::Deleted { Err(Reason::NotFound.into()) } else { Ok(facts) }
    }

    /// An organisation as it was found, or as tenant says where the copy lacks it or one above it. For an organisation that
    /// users refer to: that tenant does not know it is a failure, not a finding.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn complete_organization(
        &self,
        found: Option<Organization>,
        id: OrganizationId,
    ) -> Outcome<Organization> {
        if let Some(found) = found.filter(|found| found.branch != Branch::Unknown) {
            return Ok(found);
        }
        let facts = self.ask_tenant(id).await?;
        let mut asked = Vec::new();
        for above in organizations::missing(&self.store, &facts.path).await? {
            if above != id {
                asked.push(self.ask_tenant(above).await?);
            }
        }
        asked.push(facts);
        self.store
            .bookkeeping("complete_organization", asked, |unit, asked| {
                Box::pin(async move {
                    for facts in asked {
                        organizations::project(unit, facts).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        let found = organizations::find(&self.store, id).await?;
        found.filter(|found| found.branch != Branch::Unknown).ok_or_else(|| {
            Fault::new(Reason::DependencyUnavailable).with_cause("the copy of the tree cannot be completed")
        })
    }

    async fn ask_tenant(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        let asked = self.tenant.resolve_organization(id).await;
        asked.map_err(|fault| Fault::new(Reason::DependencyUnavailable).with_cause(fault))
    }
}
