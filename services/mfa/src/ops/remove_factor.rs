//! Removing one's own factor (R15).

use std::sync::Arc;

use access::SignedIn;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Store, Unit};
use types::{EventId, FactorId, OneTimeCode};

use super::try_code::{Attempt, End, try_code};
use super::{Call, Mfa};
use crate::domain::{Chain, Thresholds};
use crate::store::adoption::marks;
use crate::store::events::{self, Detail, NotificationKind, Purpose, Whom};
use crate::store::{self as rows, Answer, UserKey};

/// Which factor, and a fresh code of it.
#[derive(Debug)]
pub(crate) struct RemoveFactor {
    pub(crate) factor_id: FactorId,
    pub(crate) code: OneTimeCode,
}

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    caller: SignedIn,
    kept: Option<sealed::Key>,
    command: RemoveFactor,
}

impl Mfa {
    /// Removes the caller's own factor, and answers when that is in force everywhere. A repetition with the same request id
    /// gets the same answer, also when that was a refusal: it spends and counts nothing.
    ///
    /// # Errors
    /// MFA_ENFORCED, before the code is looked at; FACTOR_MISSING; NOT_FOUND: the factor is another; CODE_REFUSED;
    /// REQUEST_ID_REUSED, GENERATION_OUTDATED; NOT_YET_IN_FORCE: the factor is gone.
    pub(crate) async fn remove_factor(
        &self,
        caller: &SignedIn,
        command: RemoveFactor,
        call: &Call,
    ) -> Outcome<()> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            thresholds: self.thresholds,
            act: call.act_of(caller, self.clock.now()),
            caller: caller.clone(),
            kept: call.kept.clone(),
            command,
        };
        let act = context.act.clone();
        let unit = |store: Store| async move {
            store.unit("remove_factor", context, |unit, context| Box::pin(remove(unit, context))).await
        };
        let outcome = self.settled(&act, &caller.path, caller.user_id, unit).await;
        let (event_id, answer) = request_record::answer(outcome)?;
        if let Some(reason) = answer.refusal()? {
            rpc::refusal_is_recorded();
            return Err(reason.into());
        }
        self.in_force.await_in_force(event_id).await
    }
}

async fn remove(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { keyring, thresholds, act, caller, kept, command } = context;
    let whom = Whom { path: &caller.path, user_id: caller.user_id };
    let user = UserKey::new(&caller.path, caller.user_id);
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let state = rows::user::lock(unit, user).await?;
    sealed::replay(earlier, state.generation)?;
    let factor = rows::factor::load_in_unit(unit, user).await?.ok_or(Reason::FactorMissing)?;
    if factor.id != command.factor_id {
        return Err(Reason::NotFound.into());
    }
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(&caller.path, caller.user_id)).await?;
    if policy.effective(act.at).is_enforced() {
        return Err(Reason::MfaEnforced.into());
    }
    let purpose = Purpose { session_id: Some(caller.session_id), ..Purpose::default() };
    let (thresholds, code) = (*thresholds, &command.code);
    let attempt = Attempt { keyring, thresholds, act, whom: whom.clone(), code, purpose, end: End::More };
    let (receipt, verdict, tried) = try_code(unit, &attempt, &state, Some(&factor)).await?;
    if let Some(reason) = verdict.reason() {
        let answer = Answer::refused(reason);
        sealed::insert(unit, kept.as_ref(), tried, state.generation, &answer, act.at).await?;
        return Ok(receipt.with((tried, answer)));
    }
    let state =
        crate::domain::UserState { attempts: state.attempts.after_success(), ..state }.after_removal();
    rows::user::save(unit, user, &state).await?;
    rows::factor::delete(unit, user).await?;
    rows::pending::delete_all(unit, user).await?;
    marks::mark_user(unit, user, act.at).await?;
    let draft = events::factor_removed(act, &whom, factor.id, state.generation, caller.session_id);
    let event_id = draft.event_id();
    let receipt = unit.record(draft);
    let kind = NotificationKind::FactorRemoved;
    let _also = unit.record(events::notification_due(act, &whom, kind, event_id, Detail::default()));
    let answer = Answer::done();
    sealed::insert(unit, kept.as_ref(), event_id, state.generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}
