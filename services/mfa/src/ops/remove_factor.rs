//! Removing one's own factor (R15).

use std::sync::Arc;

use access::SignedIn;
use eventlog::Act;
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Unit};
use types::{EventId, FactorId, OneTimeCode};

use super::try_code::{Attempt, count, try_code};
use super::{Call, Mfa};
use crate::domain::Chain;
use crate::store::adoption::marks;
use crate::store::events::{self, Purpose, Whom};
use crate::store::{self as rows, UserKey};

/// Which factor, and a fresh code of it.
#[derive(Debug)]
pub(crate) struct RemoveFactor {
    pub(crate) factor_id: FactorId,
    pub(crate) code: OneTimeCode,
}

struct Context {
    keyring: Arc<Keyring>,
    act: Act,
    caller: SignedIn,
    command: RemoveFactor,
}

impl Mfa {
    /// Removes the caller's own factor, and answers when that is in force everywhere.
    ///
    /// # Errors
    /// MFA_ENFORCED, before the code is looked at; FACTOR_MISSING; NOT_FOUND: the factor is another; CODE_REFUSED;
    /// NOT_YET_IN_FORCE: the factor is gone.
    pub(crate) async fn remove_factor(
        &self,
        caller: &SignedIn,
        command: RemoveFactor,
        call: &Call,
    ) -> Outcome<()> {
        let user = UserKey::new(&caller.path, caller.user_id);
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            act: call.act_of(caller, self.clock.now()),
            caller: caller.clone(),
            command,
        };
        let unit = self.store.unit("remove_factor", context, |unit, context| Box::pin(remove(unit, context)));
        match count(&self.store, user, unit.await).await? {
            Ok(event_id) => self.in_force.await_in_force(event_id).await,
            Err(reason) => {
                rpc::refusal_is_recorded();
                Err(reason.into())
            }
        }
    }
}

async fn remove(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Result<EventId, Reason>>> {
    let Context { keyring, act, caller, command } = context;
    let whom = Whom { path: &caller.path, user_id: caller.user_id };
    let user = UserKey::new(&caller.path, caller.user_id);
    let state = rows::user::lock(unit, user).await?;
    let factor = rows::factor::load_in_unit(unit, user).await?.ok_or(Reason::FactorMissing)?;
    if factor.id != command.factor_id {
        return Err(Reason::NotFound.into());
    }
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(&caller.path, caller.user_id)).await?;
    if policy.effective(act.at).is_enforced() {
        return Err(Reason::MfaEnforced.into());
    }
    let purpose = Purpose { session_id: Some(caller.session_id), ..Purpose::default() };
    let attempt = Attempt { keyring, act, whom: whom.clone(), code: &command.code, purpose };
    let (receipt, verdict) = try_code(unit, &attempt, &state, Some(&factor)).await?;
    if let Some(reason) = verdict.reason() {
        return Ok(receipt.with(Err(reason)));
    }
    let state =
        crate::domain::UserState { attempts: state.attempts.after_success(), ..state }.after_removal();
    rows::user::save(unit, user, &state).await?;
    rows::factor::delete(unit, user).await?;
    rows::pending::delete_all(unit, user).await?;
    marks::mark_user(unit, user, act.at).await?;
    let draft = events::factor_removed(act, &whom, factor.id, state.generation, caller.session_id);
    let event_id = draft.event_id();
    Ok(unit.record(draft).with(Ok(event_id)))
}
