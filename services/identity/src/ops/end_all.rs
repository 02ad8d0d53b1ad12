//! Ending what a user has open, in the unit that changes the user.

use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::{OrganizationPath, SessionId};

use crate::domain::session::EndCause;
use crate::domain::user::User;
use crate::store::{endings, events};

/// Ends the sessions of a locked user but for one, with an event for each, and their sign-ins under way.
///
/// # Errors
/// The database's.
pub(super) async fn end_all(
    unit: &mut Unit<'_>,
    act: &Act,
    path: &OrganizationPath,
    user: &User,
    except: Option<SessionId>,
) -> Outcome<()> {
    let ended = endings::end_sessions(unit, user.organization_id, user.id, except).await?;
    endings::end_sign_ins(unit, user.organization_id, user.id).await?;
    let ends = ended.iter().map(|session| events::session_ended(act, path, *session, EndCause::UserChanged));
    let _ = unit.record_all(ends);
    Ok(())
}
