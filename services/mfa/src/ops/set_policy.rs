//! Writing a level's new value, with its event. The level is locked by the caller.

use clock::Timestamp;
use eventlog::{Act, Actor};
use fault::Outcome;
use store::{Receipt, Unit};
use types::{EventId, OrganizationPath};

use crate::domain::{Level, Place, SetBy, Setting, Target};
use crate::store::adoption::marks;
use crate::store::events::{self, EnforcementValue};
use crate::store::{UserKey, policy};

/// A level's new value.
#[derive(Debug)]
pub(super) struct NewValue<'a> {
    pub(super) event_type: &'static str,
    pub(super) enforced: bool,
    pub(super) reason: &'a str,
    pub(super) enforce_from: Option<Timestamp>,
    pub(super) require_ticket: bool,
    /// Of a user: the generation afterwards.
    pub(super) generation: i64,
    pub(super) destroyed: bool,
    pub(super) at_creation: bool,
}

/// Sets a level and records that it was set.
///
/// # Errors
/// The database's.
pub(super) async fn set_policy(
    unit: &mut Unit<'_>,
    act: &Act,
    path: &OrganizationPath,
    level: &Level,
    value: &NewValue<'_>,
) -> Outcome<(Receipt, EventId)> {
    let version = next_version(level);
    let draft = events::enforcement_changed(
        act,
        value.event_type,
        path,
        level.place,
        &EnforcementValue {
            enforced: value.enforced,
            reason: value.reason,
            enforce_from: value.enforce_from,
            require_ticket: value.require_ticket,
            version,
            generation: value.generation,
            destroyed: value.destroyed,
            at_creation: value.at_creation,
        },
    );
    let event_id = draft.event_id();
    let setting = Setting {
        enforced: value.enforced,
        reason: value.reason.to_owned(),
        enforce_from: value.enforce_from,
        require_ticket: value.require_ticket,
        set_by: set_by(act),
        set_time: act.at,
        version,
        event_id,
    };
    policy::set(unit, level.place, &setting).await?;
    mark(unit, level.place, act.at).await?;
    Ok((unit.record(draft), event_id))
}

/// Marks a level whose value changed for being counted again.
pub(super) async fn mark(unit: &Unit<'_>, place: Place, at: Timestamp) -> Outcome<()> {
    let organization_id = place.organization_id;
    match place.target {
        Target::User(user_id) => marks::mark_user(unit, UserKey { organization_id, user_id }, at).await?,
        Target::Provider(_) | Target::Reseller(_) | Target::Company(_) => {
            marks::mark_organization(unit, organization_id, at).await?;
        }
    }
    Ok(())
}

/// The version a level has after its next change.
pub(super) fn next_version(level: &Level) -> i64 {
    level.setting.as_ref().map_or(0, |setting| setting.version).saturating_add(1)
}

/// Who sets a level by this act; none when it is no user.
pub(super) fn set_by(act: &Act) -> Option<SetBy> {
    match &act.actor {
        Actor::User { id, role, .. } => Some(SetBy { user_id: *id, role: *role }),
        Actor::Service(_) | Actor::Operator | Actor::Anonymous => None,
    }
}
