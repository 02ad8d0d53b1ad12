//! A code at sign-in or step-up.

use std::sync::Arc;

use clock::Timestamp;
use eventlog::Act;
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Unit};
use types::{AttemptId, AuthSource, FactorId, OneTimeCode, SignInId};

use super::try_code::{Attempt, count, try_code};
use super::{Mfa, Seen, SignInCall};
use crate::domain::{Chain, Verdict};
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
    act: Act,
    call: SignInCall,
    command: VerifyCode,
    chain: Chain,
}

impl Mfa {
    /// Checks a code. The attempt counts whatever becomes of the call, and a code is accepted once: the unit that decides
    /// is the one that writes.
    ///
    /// # Errors
    /// CODE_REFUSED for wrong, used and locked alike; GENERATION_OUTDATED, before anything is compared; FACTOR_MISSING;
    /// USER_NOT_LOCAL; CORRUPT.
    pub(crate) async fn verify_code(&self, call: SignInCall, command: VerifyCode) -> Outcome<Verified> {
        if call.user.auth_source == AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        let now = self.clock.now();
        let user = UserKey::new(&call.user.path, call.user.id);
        let chain = Chain::of_user(&call.user.path, call.user.id);
        let context =
            Context { keyring: Arc::clone(&self.keyring), act: call.act(now), call, command, chain };
        let unit = self.store.unit("verify_code", context, |unit, context| Box::pin(verify(unit, context)));
        let (verdict, factor) = count(&self.store, user, unit.await).await?;
        match (verdict.reason(), factor) {
            (None, Some(factor_id)) => Ok(Verified { factor_id, verify_time: now }),
            (None, None) => Err(Reason::FactorMissing.into()),
            (Some(reason), _) => Err(reason.into()),
        }
    }
}

async fn verify(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(Verdict, Option<FactorId>)>> {
    let Context { keyring, act, call, command, chain } = context;
    let whom = Whom { path: &call.user.path, user_id: call.user.id };
    let locked = rows::verification::lock(unit, UserKey::new(whom.path, whom.user_id), chain).await?;
    let factor_id = locked.factor.as_ref().map(|factor| factor.id);
    let purpose = Purpose {
        attempt_id: Some(command.attempt_id),
        sign_in_id: command.sign_in_id,
        session_id: call.session_id,
    };
    if !command.seen.is_present(&locked.state, &locked.policy_version) {
        let draft = events::verification(act, &whom, factor_id, purpose, &Verdict::Outdated);
        return Ok(unit.record(draft).with((Verdict::Outdated, factor_id)));
    }
    let attempt = Attempt { keyring, act, whom, code: &command.code, purpose };
    let (receipt, verdict) = try_code(unit, &attempt, &locked.state, locked.factor.as_ref()).await?;
    Ok(receipt.with((verdict, factor_id)))
}
