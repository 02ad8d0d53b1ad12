//! New recovery codes in place of the earlier ones, with a fresh code of the factor.

use std::sync::Arc;

use access::SignedIn;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Store, Unit};
use types::{EventId, OneTimeCode, RecoveryCode, RecoverySetId};

use super::kept_answer::replay;
use super::recovery_key::keep;
use super::try_code::{Attempt, End, try_code};
use super::{Call, Mfa};
use crate::domain::{FreshCodes, Thresholds};
use crate::store::events::{self, Detail, NotificationKind, Purpose, Whom};
use crate::store::{self as rows, Answer, UserKey};

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    caller: SignedIn,
    kept: Option<sealed::Key>,
    code: OneTimeCode,
    fresh: FreshCodes,
    set_id: RecoverySetId,
}

impl Mfa {
    /// Replaces the caller's recovery codes by ten new ones; the earlier ones are dead. A repetition with the same request id
    /// gets the same codes, or the same refusal: it spends and counts nothing.
    ///
    /// # Errors
    /// CODE_REFUSED; FACTOR_MISSING; REQUEST_ID_REUSED, GENERATION_OUTDATED; CORRUPT.
    pub(crate) async fn regenerate_recovery_codes(
        &self,
        caller: &SignedIn,
        code: OneTimeCode,
        call: &Call,
    ) -> Outcome<Vec<RecoveryCode>> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            thresholds: self.thresholds,
            act: call.act_of(caller, self.clock.now()),
            caller: caller.clone(),
            kept: call.kept.clone(),
            code,
            fresh: FreshCodes::generate()?,
            set_id: RecoverySetId::generate(),
        };
        let act = context.act.clone();
        let unit = |store: Store| async move {
            store
                .unit("regenerate_recovery_codes", context, |unit, context| {
                    Box::pin(regenerate(unit, context))
                })
                .await
        };
        let outcome = self.settled(&act, &caller.path, caller.user_id, unit).await;
        let (_, answer) = request_record::answer(outcome)?;
        if let Some(reason) = answer.refusal()? {
            rpc::refusal_is_recorded();
            return Err(reason.into());
        }
        answer.read_recovery_codes()
    }
}

async fn regenerate(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { keyring, thresholds, act, caller, kept, code, fresh, set_id } = context;
    let (user, whom) =
        (UserKey::new(&caller.path, caller.user_id), Whom { path: &caller.path, user_id: caller.user_id });
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let state = rows::user::lock(unit, user).await?;
    replay(unit, earlier, user, state.generation).await?;
    let factor = rows::factor::load_in_unit(unit, user).await?.ok_or(Reason::FactorMissing)?;
    let purpose = Purpose { session_id: Some(caller.session_id), ..Purpose::default() };
    let (thresholds, whose) = (*thresholds, whom.clone());
    let attempt = Attempt { keyring, thresholds, act, whom: whose, code, purpose, end: End::More };
    let (receipt, verdict, tried) = try_code(unit, &attempt, &state, Some(&factor)).await?;
    if let Some(reason) = verdict.reason() {
        let answer = Answer::refused(reason);
        sealed::insert(unit, kept.as_ref(), tried, state.generation, &answer, act.at).await?;
        return Ok(receipt.with((tried, answer)));
    }
    let set = keep(keyring, caller.user_id, fresh, (factor.id, *set_id))?;
    rows::recovery_codes::replace(unit, user, &set, act.at).await?;
    let draft = events::recovery_codes_generated(act, &whom, None);
    let (kind, event_id) = (NotificationKind::RecoveryCodesGenerated, draft.event_id());
    let receipt = unit.record(draft);
    let _also = unit.record(events::notification_due(act, &whom, kind, event_id, Detail::default()));
    let answer = Answer::recovery_codes(&fresh.codes, *set_id);
    sealed::insert(unit, kept.as_ref(), event_id, state.generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}
