//! Locking what decides about a user's sessions, in the one order everybody takes: organisation, user, floors, then the rest.

use fault::{Fault, Reason};
use store::{StoreError, Unit};
use types::{OrganizationPath, UserId};

use crate::domain::floors::{self, Floors};
use crate::domain::gate::Presence;
use crate::domain::organization::Organization;
use crate::domain::user::{User, UserRecord};
use crate::store::{self as rows, users};

/// A user as they are until the unit ends.
pub(super) struct Locked {
    pub(super) record: UserRecord,
    pub(super) organization: Organization,
    pub(super) floors: Floors,
}

impl Locked {
    /// What the gate looks at.
    pub(super) fn presence(&self) -> Presence<'_> {
        Presence { user: self.user(), branch: self.organization.branch, floors: &self.floors }
    }

    /// The user.
    pub(super) fn user(&self) -> &User {
        &self.record.user
    }
}

/// Locks organisation, user and floors. None when the user is gone, or no longer where `path` leads.
pub(super) async fn lock_user(
    unit: &Unit<'_>,
    path: &OrganizationPath,
    user: UserId,
) -> Result<Option<Locked>, StoreError> {
    let Some(users::Locked { user: record, organization }) =
        users::lock(unit, path.organization_id(), user).await?
    else {
        return Ok(None);
    };
    if organization.path != *path {
        return Ok(None);
    }
    let (policy, branch) = rows::floors::hold(unit, &floors::targets(path, user), path).await?;
    let floors = Floors { generation: record.user.generation_floor, policy };
    Ok(Some(Locked { record, organization: Organization { branch, ..organization }, floors }))
}

/// The user is not where they were when the call began: no verdict.
pub(super) fn elsewhere() -> Fault {
    Fault::new(Reason::DependencyUnavailable)
        .with_cause("the user is in another organisation by now, or gone")
}
