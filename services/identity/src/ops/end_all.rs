//! Ending what a user has open, in the unit that changes the user.

use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::{OrganizationPath, SessionId};

use crate::domain::session::EndCause;
use crate::domain::user::User;
use crate::store::{endings, events};

/// What was ended.
pub(super) struct EndedAll {
    pub(super) sessions: usize,
    pub(super) sign_ins: u64,
}

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
    cause: EndCause,
) -> Outcome<EndedAll> {
    let ended = endings::end_sessions(unit, user.organization_id, user.id, except, cause).await?;
    let sign_ins = endings::end_sign_ins(unit, user.organization_id, user.id).await?;
    let ends = ended.iter().map(|session| events::session_ended(act, path, *session, cause));
    let _ = unit.record_all(ends);
    Ok(EndedAll { sessions: ended.len(), sign_ins })
}
