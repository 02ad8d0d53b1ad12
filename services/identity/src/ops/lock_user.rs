//! Locking what decides about a user's sessions, in the one order everybody takes: organisation, user, floors, then the rest.

use store::{StoreError, Unit};
use types::{OrganizationPath, UserId};
use wire::OrganizationFacts;

use crate::domain::floors::{self, Floors};
use crate::domain::gate::Presence;
use crate::domain::user::User;
use crate::store::{self as rows, users};

/// A user as they are until the unit ends.
pub(super) struct Locked {
    pub(super) user: User,
    pub(super) organization: OrganizationFacts,
    pub(super) floors: Floors,
}

impl Locked {
    /// What the gate looks at.
    pub(super) fn presence(&self) -> Presence<'_> {
        Presence { user: &self.user, organization_state: self.organization.state, floors: &self.floors }
    }
}

/// Locks organisation, user and floors. None when the user is gone, or no longer where `path` leads.
pub(super) async fn lock_user(
    unit: &Unit<'_>,
    path: &OrganizationPath,
    user: UserId,
) -> Result<Option<Locked>, StoreError> {
    let Some(users::Locked { user, organization }) = users::lock(unit, path.organization_id(), user).await?
    else {
        return Ok(None);
    };
    if organization.path != *path {
        return Ok(None);
    }
    let policy = rows::floors::hold(unit, &floors::targets(path, user.user.id)).await?;
    let floors = Floors { generation: user.user.generation_floor, policy };
    Ok(Some(Locked { user: user.user, organization, floors }))
}
