//! How far MFA has come in an organisation and everything below it.

use access::{SignedIn, within_reach};
use eventlog::positions;
use fault::{Outcome, Reason};
use types::{OrganizationId, OrganizationKind, OrganizationPath, ServiceName};
use wire::OrganizationState;

use super::Mfa;
use super::fold_adoption::settled;
use crate::domain::{Branch, Chain, Counts, ProviderScope, figures};
use crate::store::adoption;

/// The figures, and how far the logs they come from are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Adoption {
    pub(crate) counts: Counts,
    /// Local, active users whose second factor is locked now.
    pub(crate) locked: i64,
    pub(crate) tenant_position: i64,
    pub(crate) identity_position: i64,
    pub(crate) mfa_position: i64,
}

impl Mfa {
    /// The figures of an organisation in the caller's branch as of this moment: the totals, and what was not folded into
    /// them yet. Writes nothing, and costs the same however many organisations and users there are.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn get_adoption(
        &self,
        caller: &SignedIn,
        organization: Option<OrganizationId>,
    ) -> Outcome<Adoption> {
        let path = self.reachable(caller, organization).await?;
        self.adoption_of(path).await
    }

    /// The figures of an organisation and everything below it.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn adoption_of(&self, path: OrganizationPath) -> Outcome<Adoption> {
        let now = self.clock.now();
        let read = self.store.snapshot("get_adoption", (path, now), |unit, (path, now)| {
            Box::pin(async move {
                let positions = positions(unit).await?;
                let levels = settled(unit, *now, None, Some(path.organization_id())).await?.levels;
                let figures = |chain: Chain| figures(&levels, chain.own(), *now);
                let counts = match path.kind() {
                    OrganizationKind::Reseller | OrganizationKind::Company => {
                        figures(Chain::of_organization(path))
                    }
                    OrganizationKind::Provider => {
                        figures(Chain::of_scope(path, ProviderScope::ClientsAndResellers))
                            + figures(Chain::of_scope(path, ProviderScope::InternalUsers))
                    }
                };
                Ok(Adoption {
                    counts,
                    locked: adoption::locked(unit, Branch::of(path), *now).await?,
                    tenant_position: positions.applied(ServiceName::Tenant),
                    identity_position: positions.applied(ServiceName::Identity),
                    mfa_position: positions.head,
                })
            })
        });
        read.await
    }

    /// The path of an organisation, as tenant knows it now, that is the caller's own or below it. None: the caller's own.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn reachable(
        &self,
        caller: &SignedIn,
        organization: Option<OrganizationId>,
    ) -> Outcome<OrganizationPath> {
        let id = organization.unwrap_or(caller.organization_id());
        let facts = self.tenant.resolve_organization(id).await?;
        within_reach(caller, &facts.path)?;
        match facts.state {
            OrganizationState::Deleted => Err(Reason::NotFound.into()),
            OrganizationState::Active | OrganizationState::Inactive => Ok(facts.path),
        }
    }
}
