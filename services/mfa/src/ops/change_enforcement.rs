//! Enforcing, disabling and re-enabling MFA for a target.

use access::SignedIn;
use clock::Timestamp;
use eventlog::{Act, request_record};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::EventId;

use super::lock_events::tell_hammering;
use super::recovery_attempts::forget;
use super::set_policy::{NewValue, set_policy};
use super::{Call, Explained, Mfa};
use crate::domain::{
    Change, ChangeKind, Decision, Located, Policy, Target, TooFarAhead, UserState, decide_change, etag,
    may_change,
};
use crate::store::events::{self, Detail, NotificationKind, Whom};
use crate::store::{self as rows, UserKey};

/// A change that somebody asks for.
#[derive(Debug)]
pub(crate) struct ChangeEnforcement {
    pub(crate) target: Target,
    pub(crate) change: Change,
    /// What the caller has seen, if it says so.
    pub(crate) etag: Option<String>,
}

struct Context {
    act: Act,
    request: Option<request_record::Key>,
    located: Located,
    change: Change,
    etag: Option<String>,
}

/// It is so already: nothing was written. The event is the one that made it so, when there is one.
#[derive(Debug, thiserror::Error)]
#[error("unchanged")]
struct Unchanged(Option<EventId>);

impl Mfa {
    /// Changes the target's own level, and answers when that is in force in every service. A repetition with the same
    /// request id changes nothing and waits again; so does asking for what is already so.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a date too far ahead), NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR,
    /// USER_NOT_LOCAL, CLOCK_NOT_TRUSTED, MFA_ENFORCED_BY_PARENT, MFA_NOT_DISABLED, ETAG_MISMATCH, REQUEST_ID_REUSED;
    /// NOT_YET_IN_FORCE: the change stands.
    pub(crate) async fn change_enforcement(
        &self,
        caller: &SignedIn,
        command: ChangeEnforcement,
        call: Call,
    ) -> Outcome<Explained> {
        let now = self.clock.now();
        let kind = command.change.kind.at(now).map_err(too_far_ahead)?;
        let located = self.locate(caller, command.target).await?;
        may_change(caller, &located)?;
        if located.is_exempt() {
            return Err(Reason::UserNotLocal.into());
        }
        self.clock_trust.trusted()?;
        let context = Context {
            act: call.act_of(caller, now),
            request: call.request.clone(),
            located: located.clone(),
            change: Change { kind, ..command.change },
            etag: command.etag,
        };
        let unit =
            self.store.unit("change_enforcement", context, |unit, context| Box::pin(change(unit, context)));
        let changed = match request_record::answer::<()>(unit.await) {
            Ok((event_id, ())) => Some(event_id),
            Err(fault) => self.unchanged(fault, call.request, now).await?,
        };
        if let Some(event_id) = changed {
            self.in_force.await_in_force(event_id).await?;
        }
        self.explain(caller, &located).await
    }

    /// The event that made it so, when the fault says that it is so already; kept under the request's id, so that a
    /// repetition changes nothing either, whatever somebody else changes in between.
    async fn unchanged(
        &self,
        fault: Fault,
        request: Option<request_record::Key>,
        now: Timestamp,
    ) -> Outcome<Option<EventId>> {
        let Some(Unchanged(made_it_so)) = fault.cause().and_then(|cause| cause.downcast_ref()) else {
            return Err(fault);
        };
        let (Some(event_id), Some(request)) = (*made_it_so, request) else { return Ok(*made_it_so) };
        let keep = self.store.bookkeeping("keep_unchanged", (request, event_id, now), |unit, context| {
            Box::pin(async move {
                let (request, event_id, now) = context;
                request_record::lookup(unit, Some(request), *now).await?;
                request_record::insert(unit, Some(request), *event_id, &(), *now).await?;
                Ok((*event_id, ()))
            })
        });
        request_record::answer::<()>(keep.await).map(|(event_id, ())| Some(event_id))
    }
}

fn too_far_ahead(_: TooFarAhead) -> Fault {
    Fault::field("enforce_from", "must be at most a year ahead")
}

async fn change(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, ())>> {
    let Context { act, request, located, change, etag: seen } = context;
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    let user = located.user().map(|user| UserKey::new(located.path(), user.id));
    let state = match user {
        Some(user) => Some(rows::user::lock(unit, user).await?),
        None => None,
    };
    let chain = located.chain();
    rows::policy::lock(unit, chain.own()).await?;
    let policy = rows::policy::load_in_unit(unit, &chain).await?;
    if seen.as_ref().is_some_and(|seen| *seen != etag(&policy, state.as_ref().map(|state| state.generation)))
    {
        return Err(Reason::EtagMismatch.into());
    }
    match decide_change(change.kind, &policy, act.at)? {
        Decision::Unchanged => {
            let event_id = policy.own().setting.as_ref().map(|setting| setting.event_id);
            Err(Fault::new(Reason::MfaStateUnchanged).with_cause(Unchanged(event_id)))
        }
        decision @ Decision::Set { .. } => {
            let recorded = apply(unit, context, &policy, state.as_ref().zip(user), decision).await?;
            Ok(recorded)
        }
    }
}

async fn apply(
    unit: &mut Unit<'_>,
    context: &Context,
    policy: &Policy,
    user: Option<(&UserState, UserKey)>,
    decision: Decision,
) -> Outcome<Recorded<(EventId, ())>> {
    let Decision::Set { enforced, enforce_from, require_ticket, destroys } = decision else {
        return Err(Reason::MfaStateUnchanged.into());
    };
    let Context { act, located, request, .. } = context;
    let whom = user.map(|(_, key)| Whom { path: located.path(), user_id: key.user_id });
    let (generation, destroyed) = match (user, &whom) {
        (Some((state, _)), Some(whom)) if destroys => {
            (state.after_reset().generation, destroy(unit, act, whom, state).await?)
        }
        (Some((state, _)), _) => (state.generation, None),
        (None, _) => (0, None),
    };
    let value = NewValue {
        event_type: event_type(context.change.kind),
        enforced,
        reason: &context.change.reason,
        enforce_from,
        require_ticket,
        generation,
        destroyed: destroys,
        at_creation: false,
    };
    let (receipt, event_id) = set_policy(unit, act, located.path(), policy.own(), &value).await?;
    if let (Some(_), Some(whom)) = (destroyed, &whom) {
        let kind = NotificationKind::FactorReset;
        let _also = unit.record(events::notification_due(act, whom, kind, event_id, Detail::default()));
    }
    request_record::insert(unit, request.as_ref(), event_id, &(), act.at).await?;
    Ok(receipt.with((event_id, ())))
}

/// Destroys what is configured, raises the generation and wipes the slate: from the commit on, no open sign-in finishes.
/// Which factor was destroyed, when there was one. How often its last lock was tried is told with it.
///
/// # Errors
/// The database's.
pub(super) async fn destroy(
    unit: &mut Unit<'_>,
    act: &Act,
    whom: &Whom<'_>,
    state: &UserState,
) -> Outcome<Option<types::FactorId>> {
    let user = UserKey::new(whom.path, whom.user_id);
    tell_hammering(unit, act, whom, &state.attempts);
    forget(unit, act, whom).await?;
    rows::user::save(unit, user, &state.after_reset()).await?;
    // The recovery codes go with the factor.
    let destroyed = rows::factor::delete(unit, user).await?;
    rows::pending::delete_all(unit, user).await?;
    rows::ticket::delete_unspent(unit, user).await?;
    Ok(destroyed)
}

const fn event_type(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Enforce { .. } => "mfa.enforcement.enforced",
        ChangeKind::Disable { .. } => "mfa.enforcement.disabled",
        ChangeKind::Reenable => "mfa.enforcement.reenabled",
    }
}
