//! "I saved it": the confirmed factor becomes active.

use std::sync::Arc;

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use fault::{Outcome, Reason};
use keyring::Keyring;
use store::{Recorded, Unit};
use types::{EnrollmentId, EventId, FactorId, OrganizationPath, SignInId, UserId};

use super::secrets::{Holder, open, seal};
use super::{Call, Mfa, Seen, SignInCall};
use crate::domain::{Chain, Confirmed, EnrollmentBinding, Factor, Pending, UserState, usable};
use crate::store::adoption::marks;
use crate::store::events::{self, Whom};
use crate::store::{self as rows, UserKey};

/// A factor that became active.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) factor: Factor,
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
    factor_id: FactorId,
}

impl Mfa {
    /// Activates the factor that a sign-in confirmed. Identity, who asks, raises its own floor by following the event.
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
        let (path, user_id) = (call.user.path, call.user.id);
        self.activate(act, path, user_id, EnrollmentBinding::SignIn(sign_in_id), Some(seen)).await
    }

    /// Activates the factor that the caller's session confirmed; an older one is dead from now on. Answers when it is in
    /// force everywhere.
    ///
    /// # Errors
    /// ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED, ENROLLMENT_TICKET_REQUIRED, CORRUPT; NOT_YET_IN_FORCE: the factor
    /// is active.
    pub(crate) async fn acknowledge_enrollment(
        &self,
        caller: &SignedIn,
        call: &Call,
    ) -> Outcome<Acknowledged> {
        let act = call.act_of(caller, self.clock.now());
        let binding = EnrollmentBinding::Session(caller.session_id);
        let acknowledged = self.activate(act, caller.path.clone(), caller.user_id, binding, None).await?;
        self.in_force.await_in_force(acknowledged.event_id).await?;
        Ok(acknowledged)
    }

    async fn activate(
        &self,
        act: Act,
        path: OrganizationPath,
        user_id: UserId,
        binding: EnrollmentBinding,
        seen: Option<Seen>,
    ) -> Outcome<Acknowledged> {
        let keyring = Arc::clone(&self.keyring);
        let context = Context { keyring, act, path, user_id, binding, seen, factor_id: FactorId::generate() };
        let unit = self
            .store
            .unit("acknowledge_enrollment", context, |unit, context| Box::pin(check(unit, context)));
        unit.await?.map_err(|reason| {
            rpc::refusal_is_recorded();
            reason.into()
        })
    }
}

async fn check(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Result<Acknowledged, Reason>>> {
    let Context { act, path, user_id, binding, seen, .. } = context;
    let user = UserKey::new(path, *user_id);
    let state = rows::user::lock(unit, user).await?;
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, *user_id)).await?;
    if seen.as_ref().is_some_and(|seen| !seen.is_present(&state, &policy.version())) {
        return Ok(refuse(unit, context, None, Reason::GenerationOutdated));
    }
    let pending = usable(rows::pending::load(unit, user, *binding).await?, state.generation, act.at)?;
    let confirmed = pending.confirmed.ok_or(Reason::EnrollmentNotConfirmed)?;
    // It may have come to be demanded since this enrolment began. A factor that is replaced has proved more.
    let requires_ticket = state.ticket_required || policy.effective(act.at).requires_ticket;
    if requires_ticket && pending.ticket.is_none() && rows::factor::load_in_unit(unit, user).await?.is_none()
    {
        return Ok(refuse(unit, context, Some(pending.id), Reason::EnrollmentTicketRequired));
    }
    activate(unit, context, &state, &pending, confirmed).await
}

fn refuse(
    unit: &mut Unit<'_>,
    context: &Context,
    enrollment: Option<EnrollmentId>,
    reason: Reason,
) -> Recorded<Result<Acknowledged, Reason>> {
    let whom = Whom { path: &context.path, user_id: context.user_id };
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
    let Context { keyring, act, path, user_id, binding, factor_id, .. } = context;
    let user = UserKey::new(path, *user_id);
    // Sealed anew: a secret opens only in the row it was sealed for.
    let secret = open(keyring, Holder::Pending(pending.id), *user_id, &pending.sealed_secret)?;
    let factor = Factor {
        id: *factor_id,
        sealed_secret: seal(keyring, Holder::Factor(*factor_id), *user_id, &secret)?,
        last_step: confirmed.step,
        enroll_time: act.at,
        last_use_time: None,
    };
    let state = state.after_enrollment();
    rows::user::save(unit, user, &state).await?;
    let replaced = rows::factor::delete(unit, user).await?;
    rows::factor::insert(unit, user, &factor).await?;
    if let Some(ticket) = pending.ticket {
        rows::ticket::spend(unit, user, ticket, act.at).await?;
    }
    rows::ticket::delete_unspent(unit, user).await?;
    rows::pending::delete_all(unit, user).await?;
    marks::mark_user(unit, user, act.at).await?;
    let whom = Whom { path, user_id: *user_id };
    let ids = (*factor_id, pending.id);
    let draft = events::factor_enrolled(act, &whom, ids, *binding, state.generation, replaced);
    let acknowledged = Acknowledged {
        factor,
        verify_time: confirmed.at,
        generation: state.generation,
        event_id: draft.event_id(),
    };
    Ok(unit.record(draft).with(Ok(acknowledged)))
}
