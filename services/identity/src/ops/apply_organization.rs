//! Applying what tenant did to an organisation, in the transaction that moves the cursor.

use clock::Timestamp;
use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::ServiceName;
use wire::OrganizationFacts;

use crate::domain::organization::{Ended, OrganizationChange};
use crate::store::{endings, events, floors, invitations, organizations, user_changes};

/// Takes over the facts where they are newer, and ends what `change` ends: of the organisation and of everything below it,
/// whoever opened it and whatever the copy said before. Applied twice it changes nothing more.
///
/// # Errors
/// The database's.
pub async fn apply(
    unit: &mut Unit<'_>,
    facts: &OrganizationFacts,
    change: Option<OrganizationChange>,
    now: Timestamp,
) -> Outcome<()> {
    // The organisation's row first, then users, then floors, as everywhere.
    organizations::project(unit, facts).await?;
    let Some(change) = change else { return Ok(()) };
    let organization = facts.id();
    let mut ended = Ended::default();
    if change == OrganizationChange::Deleted {
        invitations::remove_all(unit, organization).await?;
        ended.users = user_changes::delete_all(unit, organization, now).await?;
    }
    // Whoever opened something on the organisation as it was has committed when this returns; whoever comes later sees it
    // as it is.
    floors::shut_out(unit, organization).await?;
    ended.sessions = endings::end_sessions_of_branch(unit, organization).await?;
    ended.sign_ins = endings::end_sign_ins_of_branch(unit, organization).await?;
    if ended != Ended::default() {
        let act = Act::by_service(ServiceName::Identity, now);
        let _ = unit.record(events::organization_change_applied(&act, &facts.path, change, ended));
    }
    Ok(())
}
