//! A recovery code at sign-in, when the authenticator is lost.
//!
//! Check, count and spending are one act, as with a code of the authenticator; but the throttle is another, and the lock
//! of codes, also one that only an administrator can end, is passed.

use std::sync::Arc;

use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use store::{Receipt, Recorded, Store, Unit};
use tracing::Instrument as _;
use types::{AttemptId, AuthSource, FactorId, RecoveryCode, SignInId};

use super::alarm::alarmed;
use super::lock_events::tell_wrong;
use super::recovery_attempts::tell_hammering;
use super::recovery_key::open_key;
use super::repeated_attempt::{made_before, or_made_before, unless_made_meanwhile};
use super::settled::in_call;
use super::{Mfa, Seen, SignInCall};
use crate::domain::{
    AttemptKind, AttemptOwner, Attempts, Chain, FirstVerdict, MadeAttempt, Matched, RecoveryVerdict,
    Thresholds, gate_recovery, judge_recovery, repeated,
};
use crate::store::events::{self, Detail, NotificationKind, RecoveryPurpose, Whom};
use crate::store::{self as rows, UserKey};

/// An attempt that identity hands on.
#[derive(Debug)]
pub(crate) struct VerifyRecoveryCode {
    pub(crate) code: RecoveryCode,
    /// Minted by identity.
    pub(crate) attempt_id: AttemptId,
    pub(crate) sign_in_id: SignInId,
    /// What that sign-in was told when it began.
    pub(crate) seen: Seen,
}

/// An accepted recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoveryVerified {
    pub(crate) verify_time: Timestamp,
    /// How many are left.
    pub(crate) left: i32,
}

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    call: SignInCall,
    command: VerifyRecoveryCode,
    chain: Chain,
}

/// An attempt against a lock that is on the log already: it is counted, and changes and records nothing else.
#[derive(Debug, thiserror::Error)]
#[error("one more attempt against a recorded lock of recovery codes")]
struct CountOnly;

impl Mfa {
    /// Checks and spends a recovery code. The attempt counts whatever becomes of the call; each code is good once. The same
    /// attempt again, of the same sign-in, gets its first verdict and counts nothing.
    ///
    /// # Errors
    /// CODE_REFUSED for wrong, spent and locked alike; GENERATION_OUTDATED, before anything is compared; FACTOR_MISSING;
    /// USER_NOT_LOCAL; CORRUPT.
    pub(crate) async fn verify_recovery_code(
        &self,
        call: SignInCall,
        command: VerifyRecoveryCode,
    ) -> Outcome<RecoveryVerified> {
        if call.user.auth_source == AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        let now = self.clock.now();
        let chain = Chain::of_user(&call.user.path, call.user.id);
        let (keyring, thresholds, act) = (Arc::clone(&self.keyring), self.thresholds, call.act(now));
        let context = Arc::new(Context { keyring, thresholds, act, call, command, chain });
        let store = self.store.clone();
        let outcome = in_call(async move {
            let unit = || {
                let context = Arc::clone(&context);
                store.unit("verify_recovery_code", context, |unit, context| Box::pin(verify(unit, context)))
            };
            let (path, user_id) = (&context.call.user.path, context.call.user.id);
            let outcome = unless_made_meanwhile(unit).await;
            let outcome = alarmed(&store, context.act.clone(), path, user_id, outcome).await;
            count(&store, UserKey::new(path, user_id), outcome).await
        });
        match or_made_before(outcome.await)? {
            Ok(RecoveryVerdict::Accepted { left, .. }) => Ok(RecoveryVerified { verify_time: now, left }),
            Ok(refused) => Err(refused.reason().unwrap_or(Reason::CodeRefused).into()),
            Err(MadeAttempt { verdict: FirstVerdict::RecoveryCodeAccepted { left }, at, .. }) => {
                Ok(RecoveryVerified { verify_time: at, left })
            }
            Err(MadeAttempt { verdict: FirstVerdict::Refused(reason), .. }) => Err(reason.into()),
            Err(_) => Err(Reason::CodeRefused.into()),
        }
    }
}

async fn verify(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<RecoveryVerdict>> {
    let Context { call, command, chain, .. } = context;
    let user = UserKey::new(&call.user.path, call.user.id);
    let locked = rows::verification::lock(unit, user, chain, command.attempt_id).await?;
    let owner = AttemptOwner {
        kind: AttemptKind::RecoveryCode,
        user_id: user.user_id,
        sign_in_id: Some(command.sign_in_id),
        session_id: None,
    };
    let is_first = locked.made.is_none();
    let Ok(made) = repeated(locked.made, owner, context.act.at) else {
        let reused = RecoveryVerdict::AttemptReused;
        return Ok(record(unit, context, &reused, is_first).with(reused));
    };
    if !command.seen.is_present(&locked.state, &locked.policy_version) {
        let outdated = RecoveryVerdict::Outdated;
        return Ok(record(unit, context, &outdated, is_first).with(outdated));
    }
    if let Some(made) = made {
        return Err(made_before(made));
    }
    let attempts = rows::recovery_attempts::load(unit, user).await?;
    let factor = locked.factor.as_ref().map(|factor| factor.id);
    let span = tracing::info_span!(telemetry::names::SPAN_VERIFICATION);
    let verdict = evaluate(unit, context, &attempts, factor).instrument(span).await?;
    if matches!(verdict, RecoveryVerdict::Locked { first: false, .. }) {
        return Err(Fault::new(Reason::CodeRefused).with_cause(CountOnly));
    }
    write(unit, context, &attempts, &verdict).await?;
    Ok(record(unit, context, &verdict, is_first).with(verdict))
}

/// Compares the code, where that may be. The key is not even opened under a lock.
async fn evaluate(
    unit: &Unit<'_>,
    context: &Context,
    attempts: &Attempts,
    factor: Option<FactorId>,
) -> Outcome<RecoveryVerdict> {
    let Context { keyring, thresholds, act, call, command, .. } = context;
    if let Err(verdict) = gate_recovery(attempts, factor.is_some(), act.at) {
        return Ok(verdict);
    }
    let set = rows::recovery_codes::load(unit, UserKey::new(&call.user.path, call.user.id)).await?;
    // Who enrolled before there were recovery codes has none, and every one is wrong.
    let matched = match set.as_ref().zip(factor) {
        Some((set, factor)) => {
            let key = open_key(keyring, call.user.id, factor, set)?;
            set.matching(key.hash(&command.code), act.at)
        }
        None => Matched::None,
    };
    let verdict = judge_recovery(matched, attempts, thresholds, act.at);
    if let (RecoveryVerdict::Accepted { hash, .. }, Some(set)) = (&verdict, &set) {
        let user = UserKey::new(&call.user.path, call.user.id);
        rows::recovery_codes::spend(unit, user, set.id, *hash, act.at).await?;
    }
    Ok(verdict)
}

/// Writes the throttle, where the verdict changes it.
async fn write(
    unit: &mut Unit<'_>,
    context: &Context,
    attempts: &Attempts,
    verdict: &RecoveryVerdict,
) -> Outcome<()> {
    let (act, call) = (&context.act, &context.call);
    let after = match verdict {
        RecoveryVerdict::Accepted { .. } if attempts.is_clear() => return Ok(()),
        RecoveryVerdict::Accepted { attempts, .. } | RecoveryVerdict::Wrong { attempts, .. } => {
            attempts.clone()
        }
        RecoveryVerdict::Replayed if attempts.hammered().is_some() => attempts.after_telling(),
        RecoveryVerdict::Locked { .. } => Attempts { lock_recorded: true, ..attempts.clone() },
        RecoveryVerdict::Replayed
        | RecoveryVerdict::NoFactor
        | RecoveryVerdict::Outdated
        | RecoveryVerdict::AttemptReused => return Ok(()),
    };
    if !matches!(verdict, RecoveryVerdict::Locked { .. }) {
        // Nothing is evaluated against a lock, so the last one has ended.
        tell_hammering(unit, act, &Whom { path: &call.user.path, user_id: call.user.id }, attempts);
    }
    let user = UserKey::new(&call.user.path, call.user.id);
    Ok(rows::recovery_attempts::save(unit, user, &after).await?)
}

/// Records the verdict, and what the user is to be told of it. The first verdict on an attempt has the attempt's id, so that
/// there is no second one.
fn record(unit: &mut Unit<'_>, context: &Context, verdict: &RecoveryVerdict, is_first: bool) -> Receipt {
    let Context { act, call, command, .. } = context;
    let whom = Whom { path: &call.user.path, user_id: call.user.id };
    let purpose = RecoveryPurpose { attempt_id: command.attempt_id, sign_in_id: command.sign_in_id };
    let draft = events::recovery_verification(act, &whom, purpose, verdict);
    let draft = match is_first {
        true => draft.with_event_id(rows::attempt::event_id(command.attempt_id)),
        false => draft,
    };
    let about = draft.event_id();
    let receipt = unit.record(draft);
    match verdict {
        RecoveryVerdict::Accepted { left, .. } => {
            let detail = Detail { recovery_codes_left: *left, ..Detail::default() };
            let kind = NotificationKind::RecoveryCodeUsed;
            let _also = unit.record(events::notification_due(act, &whom, kind, about, detail));
        }
        RecoveryVerdict::Wrong { attempts, suspicious, .. } => {
            tell_wrong(unit, act, &whom, attempts, *suspicious, about);
        }
        RecoveryVerdict::Replayed
        | RecoveryVerdict::Locked { .. }
        | RecoveryVerdict::NoFactor
        | RecoveryVerdict::Outdated
        | RecoveryVerdict::AttemptReused => {}
    }
    receipt
}

/// Counts the attempt when that is all that is left to do about `outcome`, and hands the outcome back, with a mark for
/// identity that it need not record it either.
async fn count<T>(store: &Store, user: UserKey, outcome: Outcome<T>) -> Outcome<T> {
    match outcome {
        Err(fault) if fault.cause().is_some_and(|cause| cause.is::<CountOnly>()) => {
            rpc::refusal_is_recorded();
            telemetry::metrics::refused_unlooked("locked");
            let counting = store.bookkeeping("count_refused_recovery_codes", user, |unit, user| {
                Box::pin(async move {
                    Ok(rows::recovery_attempts::count_refused_while_locked(unit, *user).await?)
                })
            });
            counting.await?;
            Err(rpc::only_counted(fault))
        }
        outcome => outcome,
    }
}
