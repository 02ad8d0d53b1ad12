//! What follows here from events of tenant and identity. Runs in the transaction that moves the cursor, so exactly once.

use clock::Timestamp;
use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::OrganizationPath;
use wire::{OrganizationFacts, OrganizationState, UserFacts};

use super::change_enforcement::destroy;
use super::set_policy::{NewValue, set_policy};
use crate::domain::{Chain, Destruction, Own, PolicyLevel};
use crate::store::adoption::marks;
use crate::store::events::{self, Whom};
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
    marks::mark_organization(unit, facts.id(), act.at).await?;
    let chain = Chain::of_organization(&facts.path);
    // The provider has no level of its own: its switches are set by its administrators.
    let has_level = chain.own().target.level() != PolicyLevel::Provider;
    if rows::organization::first_sight(unit, facts.id()).await? && enforce_mfa && has_level {
        enforce_at_creation(unit, act, &facts.path, &chain).await?;
    }
    Ok(())
}

/// An organisation changed, was suspended, resumed or moved; or deleted: then everything that is configured for its users
/// is destroyed. Policy is keyed by its own target, so a move leaves an organisation's own levels as they are, and what is
/// inherited follows from the new path at read time.
///
/// # Errors
/// The database's.
pub(crate) async fn apply_organization(
    unit: &mut Unit<'_>,
    facts: &OrganizationFacts,
    act: &Act,
) -> Outcome<()> {
    let is_news = rows::organization::apply(unit, facts).await?;
    if is_news && facts.state == OrganizationState::Deleted {
        let organization = facts.id();
        rows::user::reset_all(unit, organization).await?;
        rows::recovery_attempts::delete_all_of(unit, organization).await?;
        rows::factor::delete_all(unit, organization).await?;
        rows::pending::delete_all_of(unit, organization).await?;
        rows::ticket::delete_unspent_of(unit, organization).await?;
        rows::known_user::erase_all_of(unit, organization).await?;
        let _recorded = unit.record(events::configurations_destroyed(act, &facts.path));
    }
    // Marks come after the rows of users, as everywhere.
    Ok(marks::mark_organization(unit, facts.id(), act.at).await?)
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
    marks::mark_user(unit, user, act.at).await?;
    if rows::known_user::first_sight(unit, user).await? && enforce_mfa {
        enforce_at_creation(unit, act, &facts.path, &Chain::of_user(&facts.path, facts.id)).await?;
    }
    Ok(())
}

/// A user changed, was disabled or enabled; or deleted, or signs in elsewhere from now on: then everything that is
/// configured is destroyed, and their generation rises.
///
/// # Errors
/// The database's.
pub(crate) async fn apply_user(unit: &mut Unit<'_>, facts: &UserFacts, act: &Act) -> Outcome<()> {
    let user = UserKey::new(&facts.path, facts.id);
    let before = rows::known_user::lock(unit, user).await?;
    rows::known_user::apply(unit, facts).await?;
    if let Some(cause) = Destruction::by_change(before, facts) {
        let state = rows::user::lock(unit, user).await?;
        let whom = Whom { path: &facts.path, user_id: facts.id };
        let destroyed = destroy(unit, act, &whom, &state).await?;
        let generation = state.after_reset().generation;
        let draft = events::configuration_destroyed(act, &whom, generation, destroyed, cause);
        let _recorded = unit.record(draft);
    }
    Ok(marks::mark_user(unit, user, act.at).await?)
}

/// A session was opened for a user.
///
/// # Errors
/// The database's.
pub(crate) async fn apply_sign_in(unit: &Unit<'_>, user: UserKey, at: Timestamp) -> Outcome<()> {
    Ok(rows::known_user::signed_in(unit, user, at).await?)
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
