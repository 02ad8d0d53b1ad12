//! One attempt at a code of the active factor, within a unit: check and count are one act.
//!
//! Sign-in, step-up, replacing a phone and removing a factor all come through here, so that they share one budget and
//! one highest step.

use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use store::{Receipt, Store, Unit};
use types::OneTimeCode;

use super::secrets::{Holder, open};
use crate::domain::{Factor, UserState, Verdict, gate, judge};
use crate::store::events::{self, Purpose, Whom};
use crate::store::{self as rows, UserKey};

/// What an attempt is made with.
pub(super) struct Attempt<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) act: &'a Act,
    pub(super) whom: Whom<'a>,
    pub(super) code: &'a OneTimeCode,
    pub(super) purpose: Purpose,
}

/// An attempt against a lock that is on the log already: it is counted, and changes and records nothing else.
#[derive(Debug, thiserror::Error)]
#[error("one more attempt against a recorded lock")]
struct CountOnly;

/// Evaluates a code against a locked user's factor, writes what follows, and records the event. Whatever the verdict is,
/// the unit must commit.
///
/// # Errors
/// CORRUPT: the factor's secret does not open. CODE_REFUSED with a mark for [`count`], when all there is to do is to count.
pub(super) async fn try_code(
    unit: &mut Unit<'_>,
    attempt: &Attempt<'_>,
    state: &UserState,
    factor: Option<&Factor>,
) -> Outcome<(Receipt, Verdict)> {
    let now = attempt.act.at;
    let verdict = match (gate(&state.attempts, factor.is_some(), now), factor) {
        (Ok(()), Some(factor)) => {
            let secret = open(
                attempt.keyring,
                Holder::Factor(factor.id),
                attempt.whom.user_id,
                &factor.sealed_secret,
            )?;
            judge(secret.matching_step(attempt.code, now)?, factor.last_step, &state.attempts, now)
        }
        (Ok(()), None) => Verdict::NoFactor,
        (Err(verdict), _) => verdict,
    };
    if matches!(verdict, Verdict::Locked { first: false, .. }) {
        return Err(Fault::new(Reason::CodeRefused).with_cause(CountOnly));
    }
    write(unit, attempt, state, &verdict).await?;
    let draft = events::verification(
        attempt.act,
        &attempt.whom,
        factor.map(|factor| factor.id),
        attempt.purpose,
        &verdict,
    );
    Ok((unit.record(draft), verdict))
}

async fn write(unit: &Unit<'_>, attempt: &Attempt<'_>, state: &UserState, verdict: &Verdict) -> Outcome<()> {
    let user = UserKey::new(attempt.whom.path, attempt.whom.user_id);
    let attempts = match verdict {
        Verdict::Accepted { step, attempts } => {
            rows::factor::accept_step(unit, user, *step, attempt.act.at).await?;
            if state.attempts.is_clear() {
                return Ok(());
            }
            attempts.clone()
        }
        Verdict::Wrong { attempts, .. } => attempts.clone(),
        Verdict::Locked { .. } => {
            let mut attempts = state.attempts.clone();
            attempts.lock_recorded = true;
            attempts
        }
        Verdict::Replayed | Verdict::NoFactor | Verdict::Outdated => return Ok(()),
    };
    rows::user::save(unit, user, &UserState { attempts, ..state.clone() }).await?;
    Ok(())
}

/// Counts the attempt when that is all that is left to do about `outcome`, and hands the outcome back. Attempts against a
/// lock are not evaluated, and only the first is recorded, so that hammering does not make the log grow.
///
/// # Errors
/// The outcome's.
pub(super) async fn count<T>(store: &Store, user: UserKey, outcome: Outcome<T>) -> Outcome<T> {
    let is_counted = |fault: &Fault| fault.cause().is_some_and(|cause| cause.is::<CountOnly>());
    if outcome.as_ref().err().is_some_and(is_counted) {
        rpc::refusal_is_recorded();
        let counting = store.bookkeeping("count_refused_while_locked", user, |unit, user| {
            Box::pin(async move { Ok(rows::user::count_refused_while_locked(unit, *user).await?) })
        });
        counting.await?;
    }
    outcome
}
