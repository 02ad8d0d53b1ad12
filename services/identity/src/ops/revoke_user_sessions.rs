//! Ending everything that a user has open: one's own but the present session, or all of another user's.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, Key};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, OrganizationPath, Reasoning, SessionId, UserId};

use super::administer::{Target, is_still_signed_in, lock_target};
use super::end_all::{EndedAll, end_all};
use super::{Identity, Origin};
use crate::domain::authority;
use crate::domain::session::EndCause;
use crate::domain::user::User;
use crate::store::answers::{self, SessionsRevoked};
use crate::store::{events, users};

/// The command.
#[derive(Debug)]
pub struct RevokeUserSessions {
    /// Who revokes.
    pub caller: SignedIn,
    /// Whose; none: the caller's own.
    pub user_id: Option<UserId>,
    /// Why; needed for another user.
    pub reason: Option<Reasoning>,
    /// The caller's id of the command, with the fingerprint of what it asks for.
    pub key: Option<Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Revocation {
    caller: SignedIn,
    /// None: the caller themselves.
    target: Option<Target>,
    reason: Option<Reasoning>,
    key: Option<Key>,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Ends them; how many sessions there were. They are dead for every service when this answers: each asks here.
    ///
    /// # Errors
    /// Of others: INVALID_ARGUMENT without a reason, ROLE_NOT_ALLOWED, MFA_STEP_UP_REQUIRED, NOT_FOUND, TARGET_OUTRANKS_ACTOR.
    /// REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE.
    pub async fn revoke_user_sessions(&self, command: RevokeUserSessions) -> Outcome<SessionsRevoked> {
        let RevokeUserSessions { caller, user_id, reason, key, origin } = command;
        let now = self.clock.now();
        let target = match user_id.filter(|id| *id != caller.user_id) {
            None => None,
            Some(_) if reason.is_none() => return Err(Fault::field("reason", "is required")),
            Some(_) if !authority::administers(caller.role) => return Err(Reason::RoleNotAllowed.into()),
            Some(_) if !caller.has_fresh_mfa(now) => return Err(Reason::MfaStepUpRequired.into()),
            Some(id) => Some(self.find_target(&caller, id).await?.present()?),
        };
        let revocation = Revocation { caller, target, reason, key, origin, now };
        let outcome = self
            .store
            .unit("revoke_user_sessions", revocation, |unit, revocation| Box::pin(run(unit, revocation)))
            .await;
        request_record::answer(outcome).map(|(_, answer)| answer)
    }
}

async fn run(unit: &mut Unit<'_>, revocation: &Revocation) -> Outcome<Recorded<(EventId, SessionsRevoked)>> {
    let Revocation { caller, reason, key, origin, now, .. } = revocation;
    request_record::lookup(unit, key.as_ref(), *now).await?;
    let (user, path, except) = lock(unit, revocation).await?;
    let act = origin.by_user(caller, *now);
    let EndedAll { sessions, sign_ins } = end_all(unit, &act, path, &user, except, EndCause::Revoked).await?;
    let sessions = i32::try_from(sessions).unwrap_or(i32::MAX);
    let sign_ins = i32::try_from(sign_ins).unwrap_or(i32::MAX);
    let reason = reason.as_ref().map(ToString::to_string).unwrap_or_default();
    let draft = events::user_sessions_revoked(&act, path, user.id, &reason, (sessions, sign_ins));
    let (event, answer) = (draft.event_id(), answers::sessions_revoked(sessions));
    let receipt = unit.record(draft);
    request_record::insert(unit, key.as_ref(), event, &answer, *now).await?;
    Ok(receipt.with((event, answer)))
}

/// Whose sessions end, and which one lives on.
async fn lock<'a>(
    unit: &Unit<'_>,
    revocation: &'a Revocation,
) -> Outcome<(User, &'a OrganizationPath, Option<SessionId>)> {
    let caller = &revocation.caller;
    match &revocation.target {
        Some(target) => Ok((lock_target(unit, caller, target).await?.user, &target.path, None)),
        None => {
            let locked = users::lock(unit, caller.organization_id(), caller.user_id).await?;
            let user = locked.ok_or(Reason::TokenInvalid)?.user.user;
            is_still_signed_in(unit, caller).await?;
            Ok((user, &caller.path, Some(caller.session_id)))
        }
    }
}
