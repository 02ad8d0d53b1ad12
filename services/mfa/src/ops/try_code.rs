//! One attempt at a code of the active factor, within a unit: check and count are one act.
//!
//! Sign-in, step-up, replacing a phone and removing a factor all come through here, so that they share one budget and
//! one highest step.

use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use store::{Receipt, Store, Unit, Write};
use types::{EventId, OneTimeCode};

use super::lock_events::{tell_hammering, tell_wrong};
use super::secrets::{Holder, open_factor, seal};
use crate::domain::{
    Drift, Factor, Thresholds, TimeStep, TotpSecret, UserState, Verdict, Window, gate, judge,
};
use crate::store::events::{self, Purpose, Whom};
use crate::store::{self as rows, UserKey};

/// What an attempt is made with.
pub(super) struct Attempt<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) thresholds: Thresholds,
    pub(super) act: &'a Act,
    pub(super) whom: Whom<'a>,
    pub(super) code: &'a OneTimeCode,
    pub(super) purpose: Purpose,
    pub(super) end: End,
}

/// What follows the attempt in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing: what the attempt writes can leave together with the commit.
    Verdict,
    /// More, which may read or write the same rows.
    More,
}

/// An attempt against a lock that is on the log already: it is counted, and changes and records nothing else.
#[derive(Debug, thiserror::Error)]
#[error("one more attempt against a recorded lock")]
struct CountOnly;

/// Evaluates a code against a locked user's factor, writes what follows, and records the event,
/// whose id comes with the verdict. Whatever that is, the unit must commit.
///
/// # Errors
/// CORRUPT: the factor's secret does not open. CODE_REFUSED with a mark for [`count`], when all there is to do is to count.
pub(super) async fn try_code(
    unit: &mut Unit<'_>,
    attempt: &Attempt<'_>,
    state: &UserState,
    factor: Option<&Factor>,
) -> Outcome<(Receipt, Verdict, EventId)> {
    let (verdict, secret) = evaluate(attempt, state, factor)?;
    if matches!(verdict, Verdict::Locked { first: false, .. }) {
        return Err(Fault::new(Reason::CodeRefused).with_cause(CountOnly));
    }
    if verdict.is_evaluated() {
        // Nothing is evaluated against a lock, so the last one has ended.
        tell_hammering(unit, attempt.act, &attempt.whom, &state.attempts);
    }
    for write in writes(attempt, state, factor.zip(secret.as_ref()), &verdict)? {
        match attempt.end {
            End::Verdict => unit.write_last(write),
            End::More => unit.write(write).await?,
        }
    }
    let draft = events::verification(
        attempt.act,
        &attempt.whom,
        factor.map(|factor| factor.id),
        attempt.purpose,
        &verdict,
    );
    let draft = match attempt.purpose.attempt_id {
        Some(id) => draft.with_event_id(rows::attempt::event_id(id)),
        None => draft,
    };
    let event_id = draft.event_id();
    let receipt = unit.record(draft);
    if let Verdict::Wrong { attempts, suspicious, .. } = &verdict {
        tell_wrong(unit, attempt.act, &attempt.whom, attempts, *suspicious, event_id);
    }
    Ok((receipt, verdict, event_id))
}

/// The verdict, and the factor's secret where it was opened for it.
fn evaluate(
    attempt: &Attempt<'_>,
    state: &UserState,
    factor: Option<&Factor>,
) -> Outcome<(Verdict, Option<TotpSecret>)> {
    let _span = tracing::info_span!(telemetry::names::SPAN_VERIFICATION).entered();
    let (now, thresholds) = (attempt.act.at, &attempt.thresholds);
    match (gate(&state.attempts, factor.is_some(), now), factor) {
        (Ok(()), Some(factor)) => {
            let secret = open_factor(attempt.keyring, attempt.whom.user_id, state, factor)?;
            let window = Window::around(TimeStep::at(now), factor.drift, thresholds.step_window);
            let matched = secret.matching_step(attempt.code, window)?;
            Ok((judge(matched, factor.last_step, &state.attempts, thresholds, now), Some(secret)))
        }
        (Ok(()), None) => Ok((Verdict::NoFactor, None)),
        (Err(verdict), _) => Ok((verdict, None)),
    }
}

/// What a verdict changes in the user's rows.
fn writes(
    attempt: &Attempt<'_>,
    state: &UserState,
    factor: Option<(&Factor, &TotpSecret)>,
    verdict: &Verdict,
) -> Outcome<Vec<Write>> {
    let user = UserKey::new(attempt.whom.path, attempt.whom.user_id);
    let (mut writes, mut secret_bound) = (Vec::new(), state.secret_bound);
    let attempts = match (verdict, factor) {
        (Verdict::Accepted { step, attempts }, Some((factor, secret))) => {
            let factor = accepted(attempt, state, factor, secret, *step)?;
            writes.push(rows::factor::accepting(user, &factor));
            if state.attempts.is_clear() && state.secret_bound {
                return Ok(writes);
            }
            secret_bound = true;
            attempts.clone()
        }
        (Verdict::Wrong { attempts, .. }, _) => attempts.clone(),
        (Verdict::Locked { .. }, _) => {
            let mut attempts = state.attempts.clone();
            attempts.lock_recorded = true;
            attempts
        }
        (Verdict::Replayed, _) if state.attempts.hammered().is_some() => state.attempts.after_telling(),
        _ => return Ok(writes),
    };
    writes.push(rows::user::saving(user, &UserState { attempts, secret_bound, ..state.clone() }));
    Ok(writes)
}

/// The factor after one of its codes was accepted: at a higher step, to which its secret is sealed anew.
fn accepted(
    attempt: &Attempt<'_>,
    state: &UserState,
    factor: &Factor,
    secret: &TotpSecret,
    step: TimeStep,
) -> Outcome<Factor> {
    let now = attempt.act.at;
    let mut factor = Factor {
        generation: Some(state.generation),
        last_step: step,
        drift: Drift::seen(step, TimeStep::at(now), attempt.thresholds.step_window),
        last_use_time: Some(now),
        ..factor.clone()
    };
    factor.sealed_secret = seal(attempt.keyring, Holder::of_factor(&factor), attempt.whom.user_id, secret)?;
    Ok(factor)
}

/// Counts the attempt when that is all that is left to do about `outcome`, and hands the outcome back with a mark for other
/// services, that they need not record it either. Attempts against a lock are not evaluated, and only the first is recorded,
/// so that hammering does not make the log grow.
///
/// # Errors
/// The outcome's.
pub(super) async fn count<T>(store: &Store, user: UserKey, outcome: Outcome<T>) -> Outcome<T> {
    let is_counted = |fault: &Fault| fault.cause().is_some_and(|cause| cause.is::<CountOnly>());
    match outcome {
        Err(fault) if is_counted(&fault) => {
            rpc::refusal_is_recorded();
            telemetry::metrics::refused_unlooked("locked");
            let counting = store.bookkeeping("count_refused_while_locked", user, |unit, user| {
                Box::pin(async move { Ok(rows::user::count_refused_while_locked(unit, *user).await?) })
            });
            counting.await?;
            Err(rpc::only_counted(fault))
        }
        outcome => outcome,
    }
}
