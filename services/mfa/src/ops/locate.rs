//! Targets, as their owners describe them now: decisions that guard authority are made on fresh facts.

use access::SignedIn;
use fault::{Outcome, Reason};
use types::{OrganizationId, OrganizationKind, OrganizationPath, UserId};
use wire::{OrganizationState, UserFacts, UserState};

use super::Mfa;
use crate::domain::{Located, Target, TargetUser};

impl Mfa {
    /// Where a target stands. What is deleted, or is not of the kind it was named as, does not exist.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn locate(&self, caller: &SignedIn, target: Target) -> Outcome<Located> {
        match target {
            Target::Provider(scope) => {
                Ok(Located::Scope { provider: OrganizationPath::root(caller.path.provider_id()), scope })
            }
            Target::Reseller(id) => self.locate_organization(id, OrganizationKind::Reseller).await,
            Target::Company(id) => self.locate_organization(id, OrganizationKind::Company).await,
            Target::User(id) => self.locate_user(id).await,
        }
    }

    /// Where a user stands: the user by identity's word, their organisation by tenant's, which may have moved a moment ago.
    ///
    /// # Errors
    /// As [`Self::locate`].
    pub(super) async fn locate_user(&self, id: UserId) -> Outcome<Located> {
        let UserFacts { id, path, role, auth_source, state, .. } = self.identity.resolve_user(id).await?;
        if state == UserState::Deleted {
            return Err(Reason::NotFound.into());
        }
        let organization = self.tenant.resolve_organization(path.organization_id()).await?;
        if organization.state == OrganizationState::Deleted {
            return Err(Reason::NotFound.into());
        }
        Ok(Located::User(organization.path, TargetUser { id, role, auth_source }))
    }

    async fn locate_organization(&self, id: OrganizationId, kind: OrganizationKind) -> Outcome<Located> {
        let facts = self.tenant.resolve_organization(id).await?;
        if facts.kind() != kind || facts.state == OrganizationState::Deleted {
            return Err(Reason::NotFound.into());
        }
        Ok(Located::Organization(facts.path))
    }
}
