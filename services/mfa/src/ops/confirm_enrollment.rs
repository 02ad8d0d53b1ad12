//! Proving with a code that the authenticator has the secret.

use std::sync::Arc;

use access::SignedIn;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Store, Unit};
use types::{AttemptId, EventId, OneTimeCode, OrganizationPath, RecoveryCode, SignInId, UserId};

use super::bounded_calls::admit_call;
use super::kept_answer::replay;
use super::recovery_key::keep_pending;
use super::repeated_attempt::{made_before, or_made_before, unless_made_meanwhile};
use super::secrets::{Holder, open};
use super::{Call, Mfa, Seen, SignInCall};
use crate::domain::{
    AttemptKind, AttemptOwner, AttemptReused, Chain, Confirmation, Drift, EnrollmentBinding, FirstVerdict,
    FreshCodes, MadeAttempt, Pending, Thresholds, TimeStep, Window, confirm, repeated, usable,
};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, Answer, UserKey};

/// What a sign-in confirms with.
#[derive(Debug)]
pub(crate) struct ConfirmSignInEnrollment {
    pub(crate) sign_in_id: SignInId,
    /// What that sign-in was told when it began.
    pub(crate) seen: Seen,
    pub(crate) code: OneTimeCode,
    /// Minted by identity.
    pub(crate) attempt_id: AttemptId,
    /// What the answer is kept with.
    pub(crate) kept: Option<sealed::Key>,
}

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    path: OrganizationPath,
    user_id: UserId,
    binding: EnrollmentBinding,
    /// At sign-in: what it was told when it began.
    seen: Option<Seen>,
    code: OneTimeCode,
    /// At sign-in.
    attempt_id: Option<AttemptId>,
    kept: Option<sealed::Key>,
    fresh: FreshCodes,
}

/// What the unit decided - proved, with the recovery codes to be shown now, or refused - and by which event.
type Checked = (EventId, Answer);

impl Mfa {
    /// Confirms the enrolment that a sign-in began; the recovery codes that become good with the factor. They are shown only
    /// now, and to the same attempt again. Proving in another attempt, with a fresh code, makes other ones.
    ///
    /// # Errors
    /// CODE_REFUSED; ENROLLMENT_NOT_FOUND, also after five wrong codes; GENERATION_OUTDATED; REQUEST_ID_REUSED: the attempt
    /// was made with another code or key; CORRUPT.
    pub(crate) async fn confirm_sign_in_enrollment(
        &self,
        call: SignInCall,
        command: ConfirmSignInEnrollment,
    ) -> Outcome<Vec<RecoveryCode>> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            thresholds: self.thresholds,
            act: call.act(self.clock.now()),
            path: call.user.path,
            user_id: call.user.id,
            binding: EnrollmentBinding::SignIn(command.sign_in_id),
            seen: Some(command.seen),
            code: command.code,
            attempt_id: Some(command.attempt_id),
            kept: command.kept,
            fresh: FreshCodes::generate()?,
        };
        self.confirm(context).await
    }

    /// Confirms the enrolment that the caller's session began; the recovery codes, as
    /// [`Self::confirm_sign_in_enrollment`].
    ///
    /// # Errors
    /// As [`Self::confirm_sign_in_enrollment`]; OVERLOADED: the user's sessions have asked too often.
    pub(crate) async fn confirm_enrollment(
        &self,
        caller: &SignedIn,
        code: OneTimeCode,
        call: &Call,
    ) -> Outcome<Vec<RecoveryCode>> {
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            thresholds: self.thresholds,
            act: call.act_of(caller, self.clock.now()),
            path: caller.path.clone(),
            user_id: caller.user_id,
            binding: EnrollmentBinding::Session(caller.session_id),
            seen: None,
            code,
            attempt_id: None,
            kept: call.kept.clone(),
            fresh: FreshCodes::generate()?,
        };
        self.confirm(context).await
    }

    async fn confirm(&self, context: Context) -> Outcome<Vec<RecoveryCode>> {
        let (act, path, user_id) = (context.act.clone(), context.path.clone(), context.user_id);
        let context = Arc::new(context);
        let unit = |store: Store| async move {
            let unit = || {
                let context = Arc::clone(&context);
                store.unit("confirm_enrollment", context, |unit, context| Box::pin(check(unit, context)))
            };
            unless_made_meanwhile(unit).await
        };
        let outcome = self.settled(&act, &path, user_id, unit).await;
        let refusal = match or_made_before(request_record::answer(outcome))? {
            Ok((_, answer)) => match answer.refusal()? {
                None => return answer.read_recovery_codes(),
                Some(reason) => reason,
            },
            Err(MadeAttempt { verdict: FirstVerdict::Refused(reason), .. }) => reason,
            Err(_) => Reason::CodeRefused,
        };
        rpc::refusal_is_recorded();
        Err(refusal.into())
    }
}

async fn check(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Checked>> {
    let Context { act, path, user_id, binding, seen, attempt_id, kept, .. } = context;
    let user = UserKey::new(path, *user_id);
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let state = rows::user::lock(unit, user).await?;
    admit_call(unit, user, *binding, act.at).await?;
    if let Some(seen) = seen {
        let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, *user_id)).await?;
        if !seen.is_present(&state, &policy.version()) {
            return Ok(refuse(unit, context, None, Reason::GenerationOutdated));
        }
    }
    replay(unit, earlier, user, state.generation).await?;
    let event_id = match attempt_id {
        None => None,
        Some(id) => match repeated(rows::attempt::find(unit, *id).await?, owner(context), act.at) {
            Ok(None) => Some(rows::attempt::event_id(*id)),
            // It was accepted, and its answer could not be kept: a fresh code proves again, this one does not.
            Ok(Some(MadeAttempt { verdict: FirstVerdict::Confirmed, .. })) => None,
            Ok(Some(made)) => return Err(made_before(made)),
            Err(AttemptReused) => return Ok(refuse(unit, context, None, Reason::CodeRefused)),
        },
    };
    match usable(rows::pending::load(unit, user, *binding).await?, state.generation, act.at) {
        Ok(pending) => prove(unit, context, &pending, event_id).await,
        Err(reason) => Ok(refuse(unit, context, event_id, reason)),
    }
}

/// Compares the code with the pending secret, and writes what follows; the event has this id, if any.
async fn prove(
    unit: &mut Unit<'_>,
    context: &Context,
    pending: &Pending,
    event_id: Option<EventId>,
) -> Outcome<Recorded<Checked>> {
    let Context { keyring, thresholds, act, path, user_id, binding, code, kept, fresh, .. } = context;
    let (user, whom) = (UserKey::new(path, *user_id), Whom { path, user_id: *user_id });
    let secret = open(keyring, Holder::Pending(pending.id), *user_id, &pending.sealed_secret)?;
    let window = Window::around(TimeStep::at(act.at), Drift::NONE, thresholds.step_window);
    let (draft, answer) = match confirm(pending, secret.matching_step(code, window)?, act.at) {
        Confirmation::Proved(confirmed) => {
            let recovery = keep_pending(keyring, pending.id, *user_id, fresh)?;
            rows::pending::confirm(unit, user, *binding, confirmed, &recovery).await?;
            let draft = events::enrollment_confirmed(act, &whom, pending.id, *binding);
            (draft, Answer::pending_codes(&fresh.codes, pending.id, confirmed.step))
        }
        Confirmation::Replayed => {
            let (reason, counts) = (Reason::CodeRefused, (pending.wrong_codes, false));
            let enrollment = (Some(pending.id), *binding);
            let draft = events::enrollment_refused(act, &whom, enrollment, counts, reason.as_str());
            (draft, Answer::refused(reason))
        }
        Confirmation::Refused { wrong_codes, destroyed } => {
            if destroyed {
                rows::pending::delete(unit, user, *binding).await?;
            } else {
                rows::pending::count_wrong(unit, user, *binding, wrong_codes).await?;
            }
            let (reason, counts) = (Reason::CodeRefused, (wrong_codes, destroyed));
            let enrollment = (Some(pending.id), *binding);
            let draft = events::enrollment_refused(act, &whom, enrollment, counts, reason.as_str());
            (draft, Answer::refused(reason))
        }
    };
    let draft = match event_id {
        Some(id) => draft.with_event_id(id),
        None => draft,
    };
    let event_id = draft.event_id();
    let receipt = unit.record(draft);
    if answer.refusal()?.is_none() {
        let _also = unit.record(events::recovery_codes_generated(act, &whom, Some(pending.id)));
    }
    sealed::insert(unit, kept.as_ref(), event_id, pending.generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}

/// Refuses before anything is compared; the event has this id, if any.
fn refuse(
    unit: &mut Unit<'_>,
    context: &Context,
    event_id: Option<EventId>,
    reason: Reason,
) -> Recorded<Checked> {
    let whom = Whom { path: &context.path, user_id: context.user_id };
    let enrollment = (None, context.binding);
    let draft = events::enrollment_refused(&context.act, &whom, enrollment, (0, false), reason.as_str());
    let draft = match event_id {
        Some(id) => draft.with_event_id(id),
        None => draft,
    };
    let event_id = draft.event_id();
    unit.record(draft).with((event_id, Answer::refused(reason)))
}

fn owner(context: &Context) -> AttemptOwner {
    AttemptOwner {
        kind: AttemptKind::Enrollment,
        user_id: context.user_id,
        sign_in_id: context.binding.sign_in_id(),
        session_id: context.binding.session_id(),
    }
}
