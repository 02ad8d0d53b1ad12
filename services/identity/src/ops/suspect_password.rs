//! Applying mfa's suspicion that somebody else knows a user's password: the next full sign-in replaces it.

use clock::Timestamp;
use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::{OrganizationPath, ServiceName, UserId};

use crate::store::{events, user_changes, users};

/// Applies it. Of a user who has no password, or is asked to replace it already, it changes nothing.
///
/// # Errors
/// The database's.
pub async fn apply(
    unit: &mut Unit<'_>,
    path: &OrganizationPath,
    user: UserId,
    now: Timestamp,
) -> Outcome<()> {
    let organization = path.organization_id();
    let Some(locked) = users::lock(unit, organization, user).await? else {
        tracing::warn!(%user, "mfa tells of a user that is not here");
        return Ok(());
    };
    if user_changes::require_password_change(unit, organization, user).await? {
        let act = Act::by_service(ServiceName::Identity, now);
        let facts = locked.user.user.facts(&locked.organization.path);
        let _ = unit.record(events::password_suspected(&act, &facts));
    }
    Ok(())
}
