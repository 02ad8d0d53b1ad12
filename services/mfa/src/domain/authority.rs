//! Who may change and see whose MFA (R2).
//!
//! Decided on the target as its owner describes it now, never on what the caller names. The very same function says what
//! greys the switch out (`can_disable`) and what `DisableMfa` answers.

use access::{SignedIn, within_reach};
use clock::Timestamp;
use fault::{Outcome, Reason};
use types::Role::{ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator};
use types::{AuthSource, Grade, OrganizationKind, OrganizationPath, Role, UserId};

use super::{Chain, Policy, ProviderScope, Target, may_disable};

/// A user as identity described them a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetUser {
    /// The user.
    pub(crate) id: UserId,
    /// The role.
    pub(crate) role: Role,
    /// Who checks the password; external users are exempt.
    pub(crate) auth_source: AuthSource,
}

/// A target, and where in the tree it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Located {
    /// One of the provider's switches.
    Scope {
        /// The provider's path.
        provider: OrganizationPath,
        /// Which.
        scope: ProviderScope,
    },
    /// A reseller or company.
    Organization(OrganizationPath),
    /// A user of the organisation at this path.
    User(OrganizationPath, TargetUser),
}

impl Located {
    /// The levels that bear on it.
    #[must_use]
    pub(crate) fn chain(&self) -> Chain {
        match self {
            Self::Scope { provider, scope } => Chain::of_scope(provider, *scope),
            Self::Organization(path) => Chain::of_organization(path),
            Self::User(path, user) => Chain::of_user(path, user.id),
        }
    }

    /// The target.
    #[must_use]
    pub(crate) fn target(&self) -> Target {
        self.chain().own().target
    }

    /// The organisation it belongs to.
    #[must_use]
    pub(crate) fn path(&self) -> &OrganizationPath {
        match self {
            Self::Scope { provider: path, .. } | Self::Organization(path) | Self::User(path, _) => path,
        }
    }

    /// The user, when it is one.
    #[must_use]
    pub(crate) fn user(&self) -> Option<TargetUser> {
        match self {
            Self::Scope { .. } | Self::Organization(_) => None,
            Self::User(_, user) => Some(*user),
        }
    }

    /// Whether it is a user whose second factor is another's job (R7).
    #[must_use]
    pub(crate) fn is_exempt(&self) -> bool {
        self.user().is_some_and(|user| user.auth_source == AuthSource::External)
    }
}

/// Whether `actor` may enforce, disable, re-enable or reset the target.
///
/// # Errors
/// ROLE_NOT_ALLOWED, NOT_FOUND (outside the actor's branch, like a target that does not exist), SELF_ADMINISTRATION,
/// TARGET_OUTRANKS_ACTOR.
pub(crate) fn may_change(actor: &SignedIn, target: &Located) -> Outcome<()> {
    if !matches!(actor.role.grade(), Grade::Operator | Grade::Admin) {
        return Err(Reason::RoleNotAllowed.into());
    }
    within_reach(actor, target.path())?;
    let user = target.user();
    if user.is_some_and(|user| user.id == actor.user_id) {
        return Err(Reason::SelfAdministration.into());
    }
    if !roles_for(target).contains(&actor.role) {
        return Err(Reason::RoleNotAllowed.into());
    }
    match user {
        Some(user) if !actor.role.outranks(user.role) => Err(Reason::TargetOutranksActor.into()),
        Some(_) | None => Ok(()),
    }
}

/// The roles that may change a target of this kind, provided it is in their reach and below their rank.
const fn roles_for_user(of: OrganizationKind) -> &'static [Role] {
    match of {
        OrganizationKind::Provider => &[ProviderAdmin, ProviderOperator],
        OrganizationKind::Reseller => &[ProviderAdmin, ProviderOperator, ResellerAdmin],
        OrganizationKind::Company => {
            &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator, Role::CompanyAdmin]
        }
    }
}

fn roles_for(target: &Located) -> &'static [Role] {
    match target {
        Located::Scope { .. } => &[ProviderAdmin],
        Located::Organization(path) => match path.kind() {
            OrganizationKind::Provider | OrganizationKind::Reseller => &[ProviderAdmin],
            OrganizationKind::Company => &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator],
        },
        Located::User(path, _) => roles_for_user(path.kind()),
    }
}

/// Whether `actor` may see the target: everybody themselves and their own organisation, staff their branch.
///
/// # Errors
/// NOT_FOUND.
pub(crate) fn may_see(actor: &SignedIn, target: &Located) -> Outcome<()> {
    let own = target.user().is_some_and(|user| user.id == actor.user_id);
    let other_user = target.user().is_some() && !own;
    if other_user && actor.role.grade() == Grade::User {
        return Err(Reason::NotFound.into());
    }
    within_reach(actor, target.path())
}

/// Whether `DisableMfa` by `actor` would be accepted: authority first, then the state of the target and of the tree. (A
/// session whose second factor is not fresh is told so before; a step-up mends it.)
///
/// # Errors
/// As [`may_change`]; USER_NOT_LOCAL; MFA_ENFORCED_BY_PARENT.
pub(crate) fn can_disable(
    actor: &SignedIn,
    target: &Located,
    policy: &Policy,
    now: Timestamp,
) -> Outcome<()> {
    may_change(actor, target)?;
    if target.is_exempt() {
        return Err(Reason::UserNotLocal.into());
    }
    Ok(may_disable(policy, now)?)
}

#[cfg(test)]
mod tests;
