//! A code at sign-in or step-up.

use std::sync::Arc;

use clock::Timestamp;
use eventlog::Act;
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Unit};
use types::{AttemptId, AuthSource, FactorId, OneTimeCode, SignInId};

use super::repeated_attempt::{made_before, or_made_before, unless_made_meanwhile};
use super::try_code::{Attempt, End, count, try_code};
use super::{Mfa, Seen, SignInCall};
use crate::domain::{
    AttemptKind, AttemptOwner, AttemptReused, Chain, FirstVerdict, MadeAttempt, Thresholds, Verdict, repeated,
};
use crate::store::events::{self, Purpose, Whom};
use crate::store::{self as rows, UserKey};

/// An attempt that identity hands on.
#[derive(Debug)]
pub(crate) struct VerifyCode {
    pub(crate) code: OneTimeCode,
    /// Minted by identity.
    pub(crate) attempt_id: AttemptId,
    /// The sign-in it is for; the session is the call's.
    pub(crate) sign_in_id: Option<SignInId>,
    /// What that sign-in or session was told when it began.
    pub(crate) seen: Seen,
}

/// An accepted code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) factor_id: FactorId,
    pub(crate) verify_time: Timestamp,
}

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    call: SignInCall,
    command: VerifyCode,
    chain: Chain,
}

impl Mfa {
    /// Checks a code. The attempt counts whatever becomes of the call, and a code is accepted once: the unit that decides
    /// is the one that writes. The same attempt again, of the same sign-in or session, gets its first verdict and counts
    /// nothing.
    ///
    /// # Errors
    /// CODE_REFUSED for wrong, used and locked alike; GENERATION_OUTDATED, before anything is compared; FACTOR_MISSING;
    /// USER_NOT_LOCAL; CORRUPT.
    pub(crate) async fn verify_code(&self, call: SignInCall, command: VerifyCode) -> Outcome<Verified> {
        if call.user.auth_source == AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        let now = self.clock.now();
        let chain = Chain::of_user(&call.user.path, call.user.id);
        let (keyring, thresholds) = (Arc::clone(&self.keyring), self.thresholds);
        let act = call.act(now);
        let context = Arc::new(Context { keyring, thresholds, act, call, command, chain });
        let unit = || {
            let context = Arc::clone(&context);
            self.store.unit("verify_code", context, |unit, context| Box::pin(verify(unit, context)))
        };
        let (path, user_id) = (&context.call.user.path, context.call.user.id);
        let outcome = unless_made_meanwhile(unit).await;
        let outcome = self.alarmed(context.act.clone(), path, user_id, outcome).await;
        match or_made_before(count(&self.store, UserKey::new(path, user_id), outcome).await)? {
            Ok((verdict, factor)) => match (verdict.reason(), factor) {
                (None, Some(factor_id)) => Ok(Verified { factor_id, verify_time: now }),
                (None, None) => Err(Reason::FactorMissing.into()),
                (Some(reason), _) => Err(reason.into()),
            },
            Err(MadeAttempt { verdict: FirstVerdict::Accepted { factor_id }, at, .. }) => {
                Ok(Verified { factor_id, verify_time: at })
            }
            Err(MadeAttempt { verdict: FirstVerdict::Refused(reason), .. }) => Err(reason.into()),
            Err(_) => Err(Reason::CodeRefused.into()),
        }
    }
}

async fn verify(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(Verdict, Option<FactorId>)>> {
    let Context { keyring, thresholds, act, call, command, chain } = context;
    let VerifyCode { code, attempt_id, sign_in_id, seen } = command;
    let whom = Whom { path: &call.user.path, user_id: call.user.id };
    let user = UserKey::new(whom.path, whom.user_id);
    let locked = rows::verification::lock(unit, user, chain, *attempt_id).await?;
    let factor_id = locked.factor.as_ref().map(|factor| factor.id);
    let purpose =
        Purpose { attempt_id: Some(*attempt_id), sign_in_id: *sign_in_id, session_id: call.session_id };
    let owner = AttemptOwner {
        kind: AttemptKind::Code,
        user_id: whom.user_id,
        sign_in_id: *sign_in_id,
        session_id: call.session_id,
    };
    let refuse = |verdict| events::verification(act, &whom, factor_id, purpose, &verdict);
    let made = match repeated(locked.made, owner, act.at) {
        Ok(made) => made,
        Err(AttemptReused) => {
            let receipt = unit.record(refuse(Verdict::AttemptReused));
            return Ok(receipt.with((Verdict::AttemptReused, factor_id)));
        }
    };
    if !seen.is_present(&locked.state, &locked.policy_version) {
        let draft = refuse(Verdict::Outdated);
        // An attempt that was made has its event; this is another refusal of it.
        let draft = match made {
            None => draft.with_event_id(rows::attempt::event_id(*attempt_id)),
            Some(_) => draft,
        };
        return Ok(unit.record(draft).with((Verdict::Outdated, factor_id)));
    }
    if let Some(made) = made {
        return Err(made_before(made));
    }
    let attempt = Attempt { keyring, thresholds: *thresholds, act, whom, code, purpose, end: End::Verdict };
    let (receipt, verdict, _) = try_code(unit, &attempt, &locked.state, locked.factor.as_ref()).await?;
    Ok(receipt.with((verdict, factor_id)))
}
