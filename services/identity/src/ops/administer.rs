//! Whom somebody may change: looked up freshly before the unit, and asked again on the locked row.

use access::SignedIn;
use fault::{Fault, Outcome, Reason};
use store::Unit;
use types::{EventId, OrganizationPath, UserId};
use wire::UserState;

use super::Identity;
use crate::domain::authority::{self, Denied};
use crate::domain::user::{User, UserRecord};
use crate::store::answers::UserChanged;
use crate::store::{sessions, user_changes, users};

/// A user of the caller's branch whom the caller may change.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// As they were before the unit; they may be deleted, so that a retry can be answered.
    pub(super) record: UserRecord,
    /// Where they are, as tenant says.
    pub(super) path: OrganizationPath,
}

impl Target {
    pub(super) fn id(&self) -> UserId {
        self.record.user.id
    }

    /// The target, unless they are deleted.
    ///
    /// # Errors
    /// NOT_FOUND.
    pub(super) fn present(self) -> Outcome<Self> {
        if self.record.user.state == UserState::Deleted { Err(Reason::NotFound.into()) } else { Ok(self) }
    }
}

impl Identity {
    /// A user whom the caller may change, on tenant's word where they are.
    ///
    /// # Errors
    /// NOT_FOUND for foreign users, and those of a deleted organisation, as for none; SELF_ADMINISTRATION, ROLE_NOT_ALLOWED,
    /// TARGET_OUTRANKS_ACTOR; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn find_target(&self, caller: &SignedIn, id: UserId) -> Outcome<Target> {
        let found = users::find(&self.store, id).await?.map(|(record, _)| record);
        // Asked for a user that does not exist, too: who probes learns nothing from time or a tenant that is down.
        let organization =
            found.as_ref().map_or(caller.organization_id(), |record| record.user.organization_id);
        let organization = self.organization_in_reach(caller, organization).await?;
        let record = found.ok_or(Reason::NotFound)?;
        match may_change(caller, &record.user) {
            Err(_) if record.user.state == UserState::Deleted => Err(Reason::NotFound.into()),
            Err(fault) => Err(fault),
            Ok(()) => Ok(Target { record, path: organization.path }),
        }
    }
}

/// Whether the caller may change a user of their branch.
///
/// # Errors
/// SELF_ADMINISTRATION, ROLE_NOT_ALLOWED, TARGET_OUTRANKS_ACTOR.
pub(super) fn may_change(caller: &SignedIn, user: &User) -> Outcome<()> {
    if user.id == caller.user_id {
        return Err(Reason::SelfAdministration.into());
    }
    authority::may_administer(caller.role, user.role).map_err(denied)
}

/// What the caller is told of it.
pub(super) fn denied(denied: Denied) -> Fault {
    match denied {
        Denied::Role => Reason::RoleNotAllowed.into(),
        Denied::Outranks => Reason::TargetOutranksActor.into(),
    }
}

/// The target as they are now, until the unit ends; the caller may still change them.
///
/// # Errors
/// As [`Identity::find_target`]; TOKEN_INVALID.
pub(super) async fn lock_target(unit: &Unit<'_>, caller: &SignedIn, target: &Target) -> Outcome<UserRecord> {
    let record = lock_present(unit, target).await?;
    may_change(caller, &record.user)?;
    is_still_signed_in(unit, caller).await?;
    Ok(record)
}

/// Refuses whoever's session ended since the call began: what ended it was acknowledged, and a call that waited - for a hash,
/// say - must not have its way after that. Sessions come after users in the order of locks.
///
/// # Errors
/// TOKEN_INVALID.
pub(super) async fn is_still_signed_in(unit: &Unit<'_>, caller: &SignedIn) -> Outcome<()> {
    let has_ended = sessions::has_ended(unit, caller.organization_id(), caller.session_id).await?;
    if has_ended { Err(Reason::TokenInvalid.into()) } else { Ok(()) }
}

/// The target as they are now, until the unit ends, whoever asks.
///
/// # Errors
/// NOT_FOUND.
pub(super) async fn lock_present(unit: &Unit<'_>, target: &Target) -> Outcome<UserRecord> {
    let locked = users::lock(unit, target.path.organization_id(), target.id()).await?;
    let record = locked.ok_or(Reason::NotFound)?.user;
    if record.user.state == UserState::Deleted { Err(Reason::NotFound.into()) } else { Ok(record) }
}

/// Refuses a change after which nobody could administer the provider any more. Lock the user before.
///
/// # Errors
/// LAST_ADMINISTRATOR.
pub(super) async fn keep_provider(unit: &Unit<'_>, before: &UserRecord, after: &UserRecord) -> Outcome<()> {
    if !before.keeps_provider() || after.keeps_provider() {
        return Ok(());
    }
    let user = &before.user;
    if user_changes::has_other_keeper(unit, user.organization_id, user.id).await? {
        Ok(())
    } else {
        Err(Reason::LastAdministrator.into())
    }
}

/// Refuses a change of another state of the user than the caller has seen.
///
/// # Errors
/// ETAG_MISMATCH.
pub(super) fn check_etag(user: &User, etag: Option<&str>) -> Outcome<()> {
    if etag.is_none_or(|etag| etag == user.etag()) { Ok(()) } else { Err(Reason::EtagMismatch.into()) }
}

/// The user already is as it was asked for. A unit that records nothing writes nothing, so this leaves it as an error does:
/// rolled back.
#[derive(Debug, thiserror::Error)]
#[error("nothing changes")]
struct Unchanged {
    answer: UserChanged,
    event: Option<EventId>,
}

/// Leaves a unit in which nothing changes; [`settled`] turns it into an answer.
pub(super) fn unchanged(record: &UserRecord, answer: UserChanged) -> Fault {
    Fault::new(Reason::Internal).with_cause(Unchanged { answer, event: record.authority_event })
}

/// The answer of a unit, and the event that must be in force when it is given: the change's, or the one that made the user
/// as they were asked to be.
///
/// # Errors
/// The unit's.
pub(super) fn settled(outcome: Outcome<(EventId, UserChanged)>) -> Outcome<(Option<EventId>, UserChanged)> {
    match outcome {
        Ok((event, answer)) => Ok((Some(event), answer)),
        Err(fault) => match fault.cause().and_then(|cause| cause.downcast_ref::<Unchanged>()) {
            Some(Unchanged { answer, event }) => Ok((*event, answer.clone())),
            None => Err(fault),
        },
    }
}
