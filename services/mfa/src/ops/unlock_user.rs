//! Ending a lock of somebody's second factor: for a user who still has the phone, and was guessed at.

use access::SignedIn;
use eventlog::{Act, request_record};
use fault::{Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, OrganizationPath, UserId};

use super::lock_events::tell_hammering;
use super::{Call, Mfa, recovery_attempts};
use crate::domain::{Attempts, Target, UserState, may_change};
use crate::store::events::{self, Detail, NotificationKind, Whom};
use crate::store::{self as rows, UserKey};

/// Whom to unlock, and why.
#[derive(Debug)]
pub(crate) struct UnlockUser {
    pub(crate) user_id: UserId,
    /// Not empty.
    pub(crate) reason: String,
}

struct Context {
    act: Act,
    request: Option<request_record::Key>,
    path: OrganizationPath,
    command: UnlockUser,
}

impl Mfa {
    /// Ends every lock of a user, of codes and of recovery codes, and forgets the failures that led to them, those of the
    /// thirty days, too. What is configured stays, and so do sessions. Whoever is not locked stays so.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, REQUEST_ID_REUSED.
    pub(crate) async fn unlock_user(
        &self,
        caller: &SignedIn,
        command: UnlockUser,
        call: Call,
    ) -> Outcome<()> {
        let located = self.locate(caller, Target::User(command.user_id)).await?;
        may_change(caller, &located)?;
        if located.is_exempt() {
            return Err(Reason::UserNotLocal.into());
        }
        let act = call.act_of(caller, self.clock.now());
        let context = Context { act, request: call.request, path: located.path().clone(), command };
        let unit = self.store.unit("unlock_user", context, |unit, context| Box::pin(unlock(unit, context)));
        request_record::answer::<()>(unit.await).map(drop)
    }
}

async fn unlock(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, ())>> {
    let Context { act, request, path, command } = context;
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    let (user, whom) = (UserKey::new(path, command.user_id), Whom { path, user_id: command.user_id });
    let state = rows::user::lock(unit, user).await?;
    let of_recovery = recovery_attempts::forget(unit, act, &whom).await?;
    tell_hammering(unit, act, &whom, &state.attempts);
    let both = [&state.attempts, &of_recovery];
    let was_locked = both.iter().any(|attempts| attempts.is_locked(act.at));
    let was_exhausted = both.iter().any(|attempts| attempts.exhausted_time.is_some());
    rows::user::save(unit, user, &UserState { attempts: Attempts::default(), ..state }).await?;
    let draft = events::user_unlocked(act, &whom, &command.reason, was_exhausted);
    let event_id = draft.event_id();
    let receipt = unit.record(draft);
    if was_locked {
        let kind = NotificationKind::Unlocked;
        let _also = unit.record(events::notification_due(act, &whom, kind, event_id, Detail::default()));
    }
    request_record::insert(unit, request.as_ref(), event_id, &(), act.at).await?;
    Ok(receipt.with((event_id, ())))
}
