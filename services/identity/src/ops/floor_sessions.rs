//! Applying what mfa changed: floors rise, and what lies below them ends, in the transaction that moves the cursor.

use clock::Timestamp;
use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::{OrganizationPath, ServiceName, SessionId, SignInId, UserId};

use crate::store::{events, floors, sessions, sign_ins, users};

/// What an event of mfa means for floors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FloorChange {
    /// A user's factor or configuration changed.
    Generation {
        /// Where the user is.
        path: OrganizationPath,
        /// Whose.
        user: UserId,
        /// The generation from now on.
        generation: i64,
        /// The session in which it was done, which lives on.
        session: Option<SessionId>,
        /// The sign-in in which it was done, which lives on.
        sign_in: Option<SignInId>,
        /// When the code of a new factor was checked: the session's second factor, where it had none.
        proved: Option<Timestamp>,
    },
    /// The policy of a level changed.
    Policy {
        /// The level, by mfa's name.
        target: String,
        /// Its version from now on.
        version: i64,
    },
}

/// Applies one change. Applied twice it changes nothing more.
///
/// # Errors
/// The database's.
pub async fn apply(unit: &mut Unit<'_>, change: &FloorChange, now: Timestamp) -> Outcome<()> {
    match change {
        FloorChange::Policy { target, version } => Ok(floors::raise(unit, target, *version).await?),
        FloorChange::Generation { path, user, generation, session, sign_in, proved } => {
            let organization = path.organization_id();
            // The user's row first, as everywhere: whoever opens a session waits or has committed.
            let known = users::raise_generation_floor(unit, organization, *user, *generation).await?;
            if !known {
                tracing::warn!(%user, "mfa tells of a user that is not here");
                return Ok(());
            }
            if let Some(session) = session {
                sessions::raise_generation(unit, organization, *user, *session, *generation).await?;
                if let Some(proved) = proved {
                    upgrade(unit, path, (*user, *session), *proved, now).await?;
                }
            }
            let ended = sessions::end_below(unit, organization, *user, *generation, *session).await?;
            let sign_ins = sign_ins::end_below(unit, organization, *user, *generation, *sign_in).await?;
            if !ended.is_empty() || sign_ins > 0 {
                let act = Act::by_service(ServiceName::Identity, now);
                let draft = events::sessions_floored(&act, path, *user, *generation, &ended, sign_ins);
                let _ = unit.record(draft);
            }
            Ok(())
        }
    }
}

/// Lets the session in which a factor was enrolled have the second factor it lacked: it would end at its next refresh
/// otherwise, as a factor is demanded from now on.
async fn upgrade(
    unit: &mut Unit<'_>,
    path: &OrganizationPath,
    (user, session): (UserId, SessionId),
    proved: Timestamp,
    now: Timestamp,
) -> Outcome<()> {
    let present = sessions::lock(unit, path.organization_id(), session).await?;
    let present = present.filter(|present| present.user_id == user && present.is_live(now));
    let Some((before, after)) = present.map(|present| (present.methods.clone(), present.enrolled(proved)))
    else {
        return Ok(());
    };
    if after.methods != before {
        sessions::update(unit, &after).await?;
        let act = Act::by_service(ServiceName::Identity, now);
        let _ = unit.record(events::session_stepped_up(&act, path, &after));
    }
    Ok(())
}
