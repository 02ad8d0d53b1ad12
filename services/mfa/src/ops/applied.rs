//! What follows here from events of tenant and identity. Runs in the transaction that moves the cursor, so exactly once.

use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::OrganizationPath;
use wire::{OrganizationFacts, UserFacts};

use super::set_policy::{NewValue, set_policy};
use crate::domain::{Chain, Own, PolicyLevel};
use crate::store::{self as rows, UserKey};

/// An organisation was created. Its creator's wish to enforce MFA is applied once, on first sight, as the creator's act:
/// a redelivery cannot undo a later disable, nor can the wish override what somebody set in the meantime.
///
/// # Errors
/// The database's.
pub(crate) async fn apply_organization_created(
    unit: &mut Unit<'_>,
    facts: &OrganizationFacts,
    enforce_mfa: bool,
    act: &Act,
) -> Outcome<()> {
    rows::organization::apply(unit, facts).await?;
    let chain = Chain::of_organization(&facts.path);
    // The provider has no level of its own: its switches are set by its administrators.
    let has_level = chain.own().target.level() != PolicyLevel::Provider;
    if rows::organization::first_sight(unit, facts.id()).await? && enforce_mfa && has_level {
        enforce_at_creation(unit, act, &facts.path, &chain).await?;
    }
    Ok(())
}

/// An organisation changed.
///
/// # Errors
/// The database's.
pub(crate) async fn apply_organization(unit: &mut Unit<'_>, facts: &OrganizationFacts) -> Outcome<()> {
    Ok(rows::organization::apply(unit, facts).await?)
}

/// A user was created; as [`apply_organization_created`].
///
/// # Errors
/// The database's.
pub(crate) async fn apply_user_created(
    unit: &mut Unit<'_>,
    facts: &UserFacts,
    enforce_mfa: bool,
    act: &Act,
) -> Outcome<()> {
    rows::known_user::apply(unit, facts).await?;
    let user = UserKey::new(&facts.path, facts.id);
    if rows::known_user::first_sight(unit, user).await? && enforce_mfa {
        enforce_at_creation(unit, act, &facts.path, &Chain::of_user(&facts.path, facts.id)).await?;
    }
    Ok(())
}

async fn enforce_at_creation(
    unit: &mut Unit<'_>,
    act: &Act,
    path: &OrganizationPath,
    chain: &Chain,
) -> Outcome<()> {
    rows::policy::lock(unit, chain.own()).await?;
    let policy = rows::policy::load_in_unit(unit, chain).await?;
    if policy.own().own() != Own::Unset {
        return Ok(());
    }
    let value = NewValue {
        event_type: "mfa.enforcement.enforced",
        enforced: true,
        reason: "",
        enforce_from: None,
        require_ticket: false,
        generation: 0,
        destroyed: false,
        at_creation: true,
    };
    let (_receipt, _event) = set_policy(unit, act, path, policy.own(), &value).await?;
    Ok(())
}
