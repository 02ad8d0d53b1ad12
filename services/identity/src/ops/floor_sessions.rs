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
        FloorChange::Generation { path, user, generation, session, sign_in } => {
            let organization = path.organization_id();
            // The user's row first, as everywhere: whoever opens a session waits or has committed.
            let known = users::raise_generation_floor(unit, organization, *user, *generation, now).await?;
            if !known {
                tracing::warn!(%user, "mfa tells of a user that is not here");
                return Ok(());
            }
            if let Some(session) = session {
                sessions::raise_generation(unit, organization, *user, *session, *generation).await?;
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
