//! Recording that a sign-in was refused. The caller learns SIGN_IN_REFUSED and nothing else.

use clock::Timestamp;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, OrganizationPath, UserId};

use super::answered_before::leave_if_answered;
use super::{Identity, Origin};
use crate::domain::refusal_counts::Cause;
use crate::domain::sign_in::{Refusal, SignIn, SignInState, Step};
use crate::store::answers::{self, SignInAnswer};
use crate::store::{events, sign_ins};

/// A refusal at the first step, before there is a sign-in.
struct AtOnce {
    act: Act,
    path: OrganizationPath,
    user: Option<UserId>,
    step: Step,
    refusal: Refusal,
}

/// A refusal in a sign-in under way.
struct InSignIn {
    act: Act,
    path: OrganizationPath,
    sign_in: SignIn,
    refusal: Refusal,
    cost: Cost,
    /// Under which the refusal is kept.
    key: Option<sealed::Key>,
}

/// What a refusal costs the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing.
    Nothing,
    /// One of its few wrong codes.
    OneCode,
    /// Its life.
    Life,
}

/// So many refusals of a sign-in that cost it nothing leave an event each. Further ones are counted.
const FURTHER_REFUSALS: i32 = 5;

/// One more refusal that costs nothing, after enough of them: it is counted, and changes and records nothing else.
#[derive(Debug, thiserror::Error)]
#[error("one more refusal of a sign-in that was refused before")]
struct CountOnly;

impl Identity {
    /// Records a refusal at the first step; the fault to answer. Without any organisation yet there is nowhere to
    /// record it: then only the service's own log says so.
    pub(super) async fn refuse_at_once(
        &self,
        origin: &Origin,
        place: Option<OrganizationPath>,
        user: Option<UserId>,
        step: Step,
        refusal: Refusal,
    ) -> Fault {
        let Some(path) = place else {
            tracing::warn!(?refusal, "a sign-in was refused before there is any organisation");
            return Reason::SignInRefused.into();
        };
        let refused = AtOnce { act: origin.anonymous(self.clock.now()), path, user, step, refusal };
        let recorded = self
            .store
            .unit("refuse_sign_in", refused, |unit, refused| Box::pin(at_once(unit, refused)))
            .await;
        recorded.err().unwrap_or_else(|| Reason::SignInRefused.into())
    }

    /// Records a refusal in a sign-in under way and what it costs; the fault to answer.
    pub(super) async fn refuse_step(
        &self,
        origin: &Origin,
        path: OrganizationPath,
        sign_in: SignIn,
        refusal: Refusal,
        cost: Cost,
        now: Timestamp,
    ) -> Fault {
        let refused = InSignIn { act: origin.anonymous(now), path, sign_in, refusal, cost, key: None };
        self.refuse_in_sign_in(refused).await
    }

    /// The same, once for each key: a retry of the refused call costs and records nothing more.
    pub(super) async fn refuse_step_once(
        &self,
        origin: &Origin,
        path: OrganizationPath,
        sign_in: SignIn,
        (refusal, cost): (Refusal, Cost),
        key: Option<sealed::Key>,
    ) -> Fault {
        let act = origin.anonymous(self.clock.now());
        self.refuse_in_sign_in(InSignIn { act, path, sign_in, refusal, cost, key }).await
    }

    async fn refuse_in_sign_in(&self, refused: InSignIn) -> Fault {
        let now = refused.act.at;
        let recorded = self
            .store
            .unit("refuse_sign_in_step", refused, |unit, refused| Box::pin(in_sign_in(unit, refused)))
            .await;
        match request_record::answer(recorded) {
            Ok(_) => Reason::SignInRefused.into(),
            Err(fault) if fault.cause().is_some_and(|cause| cause.is::<CountOnly>()) => {
                self.refusals.count(Cause::Repeated, now);
                Reason::SignInRefused.into()
            }
            Err(fault) => fault,
        }
    }

    /// A code against a lock that is on mfa's log: it costs the sign-in a code like every other, and leaves no event here; the
    /// fault to answer.
    pub(super) async fn count_locked_code(&self, sign_in: SignIn) -> Fault {
        self.refusals.count(Cause::Locked, self.clock.now());
        let counted = self
            .store
            .bookkeeping("count_locked_code", sign_in, |unit, sign_in| {
                Box::pin(async move { spend_code(unit, sign_in).await })
            })
            .await;
        counted.err().unwrap_or_else(|| Reason::SignInRefused.into())
    }
}

async fn spend_code(unit: &Unit<'_>, sign_in: &SignIn) -> Outcome<()> {
    let present = sign_ins::lock(unit, sign_in.organization_id, sign_in.id).await?;
    if let Some(present) = present.filter(|present| present.state == SignInState::Open) {
        let (wrong_codes, state) = present.after_wrong_code();
        sign_ins::update(unit, &present, state, wrong_codes).await?;
    }
    Ok(())
}

async fn at_once(unit: &mut Unit<'_>, refused: &AtOnce) -> Outcome<Recorded<()>> {
    let AtOnce { act, path, user, step, refusal } = refused;
    let draft = events::sign_in_refused(act, path, *user, None, *step, *refusal);
    Ok(unit.record(draft).with(()))
}

async fn in_sign_in(unit: &mut Unit<'_>, refused: &InSignIn) -> Outcome<Recorded<(EventId, SignInAnswer)>> {
    let InSignIn { act, path, sign_in, refusal, cost, key } = refused;
    leave_if_answered(unit, key.as_ref(), act.at).await?;
    let present = sign_ins::lock(unit, sign_in.organization_id, sign_in.id).await?;
    let present = present.filter(|present| present.state == SignInState::Open);
    match (cost, present) {
        (Cost::OneCode, Some(present)) => {
            let (wrong_codes, state) = present.after_wrong_code();
            sign_ins::update(unit, &present, state, wrong_codes).await?;
        }
        (Cost::Life, Some(present)) => {
            sign_ins::update(unit, &present, SignInState::Dead, present.wrong_codes).await?;
        }
        (Cost::Nothing, _) | (Cost::OneCode | Cost::Life, None) => {
            let (organization, id) = (sign_in.organization_id, sign_in.id);
            if !sign_ins::count_further_refusal(unit, organization, id, FURTHER_REFUSALS).await? {
                return Err(Fault::new(Reason::SignInRefused).with_cause(CountOnly));
            }
        }
    }
    let step = Step::Next(sign_in.next_step);
    let draft = events::sign_in_refused(act, path, Some(sign_in.user_id), Some(sign_in.id), step, *refusal);
    let (event, answer) = (draft.event_id(), answers::sign_in_refused());
    let receipt = unit.record(draft);
    sealed::insert(unit, key.as_ref(), event, sign_in.basis.generation, &answer, act.at).await?;
    Ok(receipt.with((event, answer)))
}
