//! Proving with a code that the authenticator has the secret.

use std::sync::Arc;

use access::SignedIn;
use eventlog::Act;
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Unit};
use types::{OneTimeCode, OrganizationPath, SignInId, UserId};

use super::secrets::{Holder, open};
use super::{Call, Mfa, Seen, SignInCall};
use crate::domain::{Chain, Confirmation, EnrollmentBinding, confirm, usable};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, UserKey};

struct Context {
    keyring: Arc<Keyring>,
    act: Act,
    path: OrganizationPath,
    user_id: UserId,
    binding: EnrollmentBinding,
    /// At sign-in: what it was told when it began.
    seen: Option<Seen>,
    code: OneTimeCode,
}

impl Mfa {
    /// Confirms the enrolment that a sign-in began.
    ///
    /// # Errors
    /// CODE_REFUSED; ENROLLMENT_NOT_FOUND, also after five wrong codes; GENERATION_OUTDATED; CORRUPT.
    pub(crate) async fn confirm_sign_in_enrollment(
        &self,
        call: SignInCall,
        sign_in_id: SignInId,
        seen: Seen,
        code: OneTimeCode,
    ) -> Outcome<()> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            act: call.act(self.clock.now()),
            path: call.user.path,
            user_id: call.user.id,
            binding: EnrollmentBinding::SignIn(sign_in_id),
            seen: Some(seen),
            code,
        };
        self.confirm(context).await
    }

    /// Confirms the enrolment that the caller's session began.
    ///
    /// # Errors
    /// As [`Self::confirm_sign_in_enrollment`], but for GENERATION_OUTDATED.
    pub(crate) async fn confirm_enrollment(
        &self,
        caller: &SignedIn,
        code: OneTimeCode,
        call: &Call,
    ) -> Outcome<()> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            act: call.act_of(caller, self.clock.now()),
            path: caller.path.clone(),
            user_id: caller.user_id,
            binding: EnrollmentBinding::Session(caller.session_id),
            seen: None,
            code,
        };
        self.confirm(context).await
    }

    async fn confirm(&self, context: Context) -> Outcome<()> {
        let unit =
            self.store.unit("confirm_enrollment", context, |unit, context| Box::pin(check(unit, context)));
        if let Err(reason) = unit.await? {
            rpc::refusal_is_recorded();
            return Err(reason.into());
        }
        Ok(())
    }
}

async fn check(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Result<(), Reason>>> {
    let Context { keyring, act, path, user_id, binding, seen, code } = context;
    let (user, whom) = (UserKey::new(path, *user_id), Whom { path, user_id: *user_id });
    let state = rows::user::lock(unit, user).await?;
    if let Some(seen) = seen {
        let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, *user_id)).await?;
        if !seen.is_present(&state, &policy.version()) {
            let reason = Reason::GenerationOutdated;
            let draft = events::enrollment_refused(act, &whom, None, (0, false), reason.as_str());
            return Ok(unit.record(draft).with(Err(reason)));
        }
    }
    let pending = usable(rows::pending::load(unit, user, *binding).await?, state.generation, act.at)?;
    let secret = open(keyring, Holder::Pending(pending.id), *user_id, &pending.sealed_secret)?;
    match confirm(&pending, secret.matching_step(code, act.at)?, act.at) {
        Confirmation::Proved(confirmed) => {
            rows::pending::confirm(unit, user, *binding, confirmed).await?;
            Ok(unit.record(events::enrollment_confirmed(act, &whom, pending.id)).with(Ok(())))
        }
        Confirmation::Refused { wrong_codes, destroyed } => {
            if destroyed {
                rows::pending::delete(unit, user, *binding).await?;
            } else {
                rows::pending::count_wrong(unit, user, *binding, wrong_codes).await?;
            }
            let reason = Reason::CodeRefused;
            let counts = (wrong_codes, destroyed);
            let draft = events::enrollment_refused(act, &whom, Some(pending.id), counts, reason.as_str());
            Ok(unit.record(draft).with(Err(reason)))
        }
    }
}
