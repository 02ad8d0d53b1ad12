//! The reference model: what the access table means for a caller and a target. Written from the words in `docs/access.md`
//! and not from the services, whose answers it is compared with.

use access::{Denial, MfaRule, Rank, Rule, TargetKind};
use types::Role;

use crate::landscape::{Actor, Proof};
use crate::place::Place;

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Where it is; nowhere when there is no such object.
    pub place: Option<Place>,
    /// A user's role.
    pub role: Option<Role>,
    /// Its id.
    pub id: String,
    /// Whether it is the caller, or the caller's own.
    pub is_caller: bool,
}

/// Where a target stands, seen from its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Relation {
    Oneself,
    Own,
    Child,
    Above,
    Sibling,
    /// Below a sibling.
    OtherResellers,
    Missing,
}

/// A refusal's reason.
pub type Refusal = &'static str;

const ROLE: Refusal = "ROLE_NOT_ALLOWED";
const STEP_UP: Refusal = "MFA_STEP_UP_REQUIRED";
const NOT_FOUND: Refusal = "NOT_FOUND";
const ONESELF: Refusal = "SELF_ADMINISTRATION";
const OUTRANKED: Refusal = "TARGET_OUTRANKS_ACTOR";

/// The refusals that access decides; every other is a matter of what the target's state is.
pub const DENIALS: [Refusal; 5] = [ROLE, STEP_UP, NOT_FOUND, ONESELF, OUTRANKED];

/// Whether a call is let through, and if not, what it is answered.
///
/// # Errors
/// The refusal's reason.
pub fn judge(rule: &Rule, actor: &Actor, target: Option<&Target>) -> Result<(), Refusal> {
    let (role, reach) = (actor.role, rule.reach);
    ensure(rule.admits_role(role), ROLE)?;
    ensure(rule.mfa == MfaRule::NotNeeded || actor.proof == Proof::Fresh, STEP_UP)?;
    let Some(target) = target else { return Ok(()) };
    if target.is_caller && reach.oneself {
        return Ok(());
    }
    if reach.others_need_fresh_mfa {
        ensure(reach.grants.iter().any(|(_, granted)| granted.contains(&role)), ROLE)?;
        ensure(actor.proof == Proof::Fresh, STEP_UP)?;
    }
    let place = target.place.ok_or(NOT_FOUND)?;
    let granted = reach.roles_for(target.kind).ok_or(NOT_FOUND)?;
    ensure(place.lies_in_branch_of(actor.place), NOT_FOUND)?;
    let role_allowed = match reach.denial {
        Denial::Told => ensure(granted.contains(&role), ROLE),
        Denial::Hidden => ensure(granted.contains(&role), NOT_FOUND),
    };
    if reach.rank == Rank::Any {
        return role_allowed;
    }
    ensure(!target.is_caller, ONESELF)?;
    let below = ensure(target.role.is_none_or(|of_target| outranks(role, of_target)), OUTRANKED);
    match reach.rank {
        Rank::BelowThenRole => below.and(role_allowed),
        Rank::RoleThenBelow | Rank::Any => role_allowed.and(below),
    }
}

/// Roles stand in the order of their rank, from the provider's administrators, who may help each other, down.
fn outranks(actor: Role, target: Role) -> bool {
    let place = |role| Role::ALL.iter().position(|other| *other == role);
    place(actor) < place(target) || (actor, target) == (Role::ProviderAdmin, Role::ProviderAdmin)
}

fn ensure(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

/// Where the target stands.
#[must_use]
pub fn relation(actor: &Actor, target: &Target) -> Relation {
    match target.place {
        _ if target.is_caller => Relation::Oneself,
        None => Relation::Missing,
        Some(place) if place == actor.place => Relation::Own,
        Some(place) if place.lies_in_branch_of(actor.place) => Relation::Child,
        Some(place) if actor.place.lies_in_branch_of(place) => Relation::Above,
        Some(place) if place.above() == actor.place.above() => Relation::Sibling,
        Some(_) => Relation::OtherResellers,
    }
}
