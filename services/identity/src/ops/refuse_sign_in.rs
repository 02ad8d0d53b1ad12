//! Recording that a sign-in was refused. The caller learns SIGN_IN_REFUSED and nothing else.

use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{OrganizationPath, UserId};

use super::{Identity, Origin};
use crate::domain::sign_in::{Refusal, SignIn, SignInState, Step};
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
        let act = origin.anonymous(now);
        let refused = InSignIn { act, path, sign_in, refusal, cost };
        let recorded = self
            .store
            .unit("refuse_sign_in_step", refused, |unit, refused| Box::pin(in_sign_in(unit, refused)))
            .await;
        recorded.err().unwrap_or_else(|| Reason::SignInRefused.into())
    }
}

async fn at_once(unit: &mut Unit<'_>, refused: &AtOnce) -> Outcome<Recorded<()>> {
    let AtOnce { act, path, user, step, refusal } = refused;
    let draft = events::sign_in_refused(act, path, *user, None, *step, *refusal);
    Ok(unit.record(draft).with(()))
}

async fn in_sign_in(unit: &mut Unit<'_>, refused: &InSignIn) -> Outcome<Recorded<()>> {
    let InSignIn { act, path, sign_in, refusal, cost } = refused;
    let present = sign_ins::lock(unit, sign_in.organization_id, sign_in.id).await?;
    if let Some(present) = present.filter(|present| present.state == SignInState::Open) {
        match cost {
            Cost::Nothing => {}
            Cost::OneCode => {
                let (wrong_codes, state) = present.after_wrong_code();
                sign_ins::update(unit, &present, state, wrong_codes).await?;
            }
            Cost::Life => {
                sign_ins::update(unit, &present, SignInState::Dead, present.wrong_codes).await?;
            }
        }
    }
    let step = Step::Next(sign_in.next_step);
    let draft = events::sign_in_refused(act, path, Some(sign_in.user_id), Some(sign_in.id), step, *refusal);
    Ok(unit.record(draft).with(()))
}
