//! "I saved it": the confirmed factor becomes active.

use std::sync::Arc;

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use eventlog::request_record::sealed::{self, Kept};
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Store, Unit};
use types::{EnrollmentId, EventId, FactorId, OrganizationPath, RecoverySetId, SignInId, UserId};

use super::bounded_calls::admit_call;
use super::lock_events::tell_hammering;
use super::recovery_key::adopt;
use super::secrets::{Holder, open, seal};
use super::{Call, ListedFactor, Mfa, Seen, SignInCall};
use crate::domain::{
    Chain, Confirmed, Drift, EnrollmentBinding, Factor, Pending, PendingCodes, Policy, UserState, usable,
};
use crate::store::adoption::marks;
use crate::store::events::{self, Detail, NotificationKind, Whom};
use crate::store::{self as rows, Answer, UserKey};

/// A factor that became active.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) listed: ListedFactor,
    /// When the code that confirmed it was checked.
    pub(crate) verify_time: Timestamp,
    /// The user's generation with it.
    pub(crate) generation: i64,
    event_id: EventId,
}

struct Context {
    keyring: Arc<Keyring>,
    act: Act,
    path: OrganizationPath,
    user_id: UserId,
    binding: EnrollmentBinding,
    /// At sign-in: what it was told when it began.
    seen: Option<Seen>,
    /// At sign-in: the version of the user that it is of.
    version: Option<i64>,
    kept: Option<sealed::Key>,
    factor_id: FactorId,
    set_id: RecoverySetId,
}

/// Ends a unit that has nothing to do: this sign-in or session has activated the present factor before.
#[derive(Debug, thiserror::Error)]
#[error("acknowledged before")]
struct AcknowledgedBefore(Acknowledged);

impl Mfa {
    /// Activates the factor that a sign-in confirmed. Identity, who asks, raises its own floor by following the event. Asked
    /// again, the same sign-in gets the same answer until something else changes.
    ///
    /// # Errors
    /// ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED, ENROLLMENT_TICKET_REQUIRED, GENERATION_OUTDATED, CORRUPT.
    pub(crate) async fn acknowledge_sign_in_enrollment(
        &self,
        call: SignInCall,
        sign_in_id: SignInId,
        seen: Seen,
    ) -> Outcome<Acknowledged> {
        let act = call.act(self.clock.now());
        let (version, binding) = (Some(call.user.version), EnrollmentBinding::SignIn(sign_in_id));
        self.activate(Context {
            version,
            ..self.context(act, call.user.path, call.user.id, binding, Some(seen), None)
        })
        .await
    }

    /// Activates the factor that the caller's session confirmed; an older one is dead from now on. Answers when it is in
    /// force everywhere. Asked again, the same session gets the same answer until something else changes; with the same request
    /// id it never activates another.
    ///
    /// # Errors
    /// ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED, ENROLLMENT_TICKET_REQUIRED, CORRUPT, REQUEST_ID_REUSED,
    /// GENERATION_OUTDATED: it was done under this request id, and something has changed since; OVERLOADED; NOT_YET_IN_FORCE: the factor
    /// is active.
    pub(crate) async fn acknowledge_enrollment(
        &self,
        caller: &SignedIn,
        call: &Call,
    ) -> Outcome<Acknowledged> {
        let act = call.act_of(caller, self.clock.now());
        let binding = EnrollmentBinding::Session(caller.session_id);
        let (path, kept) = (caller.path.clone(), call.kept.clone());
        let context = self.context(act, path, caller.user_id, binding, None, kept);
        let acknowledged = self.activate(context).await?;
        self.in_force.await_in_force(acknowledged.event_id).await?;
        Ok(acknowledged)
    }

    fn context(
        &self,
        act: Act,
        path: OrganizationPath,
        user_id: UserId,
        binding: EnrollmentBinding,
        seen: Option<Seen>,
        kept: Option<sealed::Key>,
    ) -> Context {
        let (keyring, factor_id) = (Arc::clone(&self.keyring), FactorId::generate());
        let set_id = RecoverySetId::generate();
        Context { keyring, act, path, user_id, binding, seen, version: None, kept, factor_id, set_id }
    }

    async fn activate(&self, context: Context) -> Outcome<Acknowledged> {
        let (of, at, user_id) = (context.path.clone(), context.act.clone(), context.user_id);
        let unit = |store: Store| async move {
            let unit =
                store.unit("acknowledge_enrollment", context, |unit, context| Box::pin(check(unit, context)));
            or_acknowledged_before(unit.await)
        };
        self.settled(&at, &of, user_id, unit).await?.map_err(|reason| {
            rpc::refusal_is_recorded();
            reason.into()
        })
    }
}

/// The unit's outcome, or the first answer where it ended with that.
fn or_acknowledged_before(
    outcome: Outcome<Result<Acknowledged, Reason>>,
) -> Outcome<Result<Acknowledged, Reason>> {
    outcome.or_else(|fault| match fault.cause().and_then(|cause| cause.downcast_ref()) {
        Some(AcknowledgedBefore(acknowledged)) => Ok(Ok(acknowledged.clone())),
        None => Err(fault),
    })
}

async fn check(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Result<Acknowledged, Reason>>> {
    let Context { act, path, user_id, binding, seen, version, kept, .. } = context;
    let user = UserKey::new(path, *user_id);
    // A password, a role or a state that was changed and acknowledged ends the sign-ins of before: one whose call was under way
    // then activates nothing any more.
    let is_outdated = match version {
        Some(version) => rows::known_user::hold(unit, user).await? > *version,
        None => false,
    };
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let state = rows::user::lock(unit, user).await?;
    admit_call(unit, user, *binding, act.at).await?;
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, *user_id)).await?;
    let pending = usable(rows::pending::load(unit, user, *binding).await?, state.generation, act.at);
    let was_done = earlier.as_ref().map(Kept::generation);
    if was_done == Some(state.generation) || was_done.is_none() && pending.is_err() {
        again(unit, context, &state, &policy).await?;
    }
    if was_done.is_some() {
        // It was done, and is no more what holds.
        return Ok(refuse(unit, context, None, Reason::GenerationOutdated));
    }
    if is_outdated || seen.as_ref().is_some_and(|seen| !seen.is_present(&state, &policy.version())) {
        return Ok(refuse(unit, context, None, Reason::GenerationOutdated));
    }
    let pending = match pending {
        Ok(pending) => pending,
        Err(reason) => return Ok(refuse(unit, context, None, reason)),
    };
    let Some(confirmed) = pending.confirmed else {
        return Ok(refuse(unit, context, Some(pending.id), Reason::EnrollmentNotConfirmed));
    };
    // It may have come to be demanded since this enrolment began. A factor that is replaced has proved more.
    let requires_ticket = state.ticket_required || policy.effective(act.at).requires_ticket;
    if requires_ticket && pending.ticket.is_none() && rows::factor::load_in_unit(unit, user).await?.is_none()
    {
        return Ok(refuse(unit, context, Some(pending.id), Reason::EnrollmentTicketRequired));
    }
    activate(unit, context, &state, &pending, confirmed).await
}

/// Ends the unit with the first answer, where the present factor is what this sign-in or session has acknowledged.
async fn again(unit: &Unit<'_>, context: &Context, state: &UserState, policy: &Policy) -> Outcome<()> {
    let Context { act, path, user_id, binding, seen, .. } = context;
    let user = UserKey::new(path, *user_id);
    let Some(enrolled) = rows::factor::enrolled(unit, user).await? else { return Ok(()) };
    // What a sign-in was told is of before its own enrolment.
    let told = seen.clone().map(|seen| Seen { generation: seen.generation.saturating_add(1), ..seen });
    if !enrolled.is_last_act_of(*binding, state.generation)
        || told.is_some_and(|told| !told.is_present(state, &policy.version()))
    {
        return Ok(());
    }
    let Some(factor) = rows::factor::load_in_unit(unit, user).await? else { return Ok(()) };
    let left = rows::recovery_codes::count(unit, user).await?;
    let acknowledged = Acknowledged {
        listed: ListedFactor::of(factor, left, &state.attempts, act.at),
        verify_time: enrolled.verify_time,
        generation: enrolled.generation,
        event_id: enrolled.event_id,
    };
    Err(Fault::new(Reason::Internal).with_cause(AcknowledgedBefore(acknowledged)))
}

fn refuse(
    unit: &mut Unit<'_>,
    context: &Context,
    enrollment: Option<EnrollmentId>,
    reason: Reason,
) -> Recorded<Result<Acknowledged, Reason>> {
    let whom = Whom { path: &context.path, user_id: context.user_id };
    let enrollment = (enrollment, context.binding);
    let draft = events::enrollment_refused(&context.act, &whom, enrollment, (0, false), reason.as_str());
    unit.record(draft).with(Err(reason))
}

async fn activate(
    unit: &mut Unit<'_>,
    context: &Context,
    state: &UserState,
    pending: &Pending,
    confirmed: Confirmed,
) -> Outcome<Recorded<Result<Acknowledged, Reason>>> {
    let Context { keyring, act, path, user_id, binding, kept, factor_id, .. } = context;
    let (user, whom) = (UserKey::new(path, *user_id), Whom { path, user_id: *user_id });
    // Sealed anew: a secret opens only in the row it was sealed for.
    let secret = open(keyring, Holder::Pending(pending.id), *user_id, &pending.sealed_secret)?;
    let next = state.after_enrollment();
    let mut factor = Factor {
        id: *factor_id,
        sealed_secret: Vec::new(),
        generation: Some(next.generation),
        last_step: confirmed.step,
        // Whoever enrols reads and types for the first time, and slowly: it says little about the phone's clock.
        drift: Drift::NONE,
        enroll_time: act.at,
        last_use_time: None,
    };
    factor.sealed_secret = seal(keyring, Holder::of_factor(&factor), *user_id, &secret)?;
    tell_hammering(unit, act, &whom, &state.attempts);
    let state = next;
    rows::user::save(unit, user, &state).await?;
    let replaced = rows::factor::delete(unit, user).await?;
    let ids = (*factor_id, pending.id);
    let draft = events::factor_enrolled(act, &whom, ids, *binding, state.generation, replaced, confirmed.at);
    let event_id = draft.event_id();
    rows::factor::insert(unit, user, &factor, event_id).await?;
    // With the old factor went its recovery codes. What was confirmed before there were any has none.
    let recovery_codes_left = pending.recovery.as_ref().map_or(0, PendingCodes::count);
    if let Some(codes) = &pending.recovery {
        let set = adopt(keyring, pending.id, *user_id, codes, (*factor_id, context.set_id))?;
        rows::recovery_codes::replace(unit, user, &set, act.at).await?;
    }
    if let Some(ticket) = pending.ticket {
        rows::ticket::spend(unit, user, ticket, act.at).await?;
    }
    rows::ticket::delete_unspent(unit, user).await?;
    rows::pending::delete_all(unit, user).await?;
    marks::mark_user(unit, user, act.at).await?;
    sealed::insert(unit, kept.as_ref(), event_id, state.generation, &Answer::done(), act.at).await?;
    let acknowledged = Acknowledged {
        listed: ListedFactor::of(factor, recovery_codes_left, &state.attempts, act.at),
        verify_time: confirmed.at,
        generation: state.generation,
        event_id,
    };
    let receipt = unit.record(draft);
    let (kind, about) = (NotificationKind::FactorEnrolled, acknowledged.event_id);
    let _also = unit.record(events::notification_due(act, &whom, kind, about, Detail::default()));
    Ok(receipt.with(Ok(acknowledged)))
}
