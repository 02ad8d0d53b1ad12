//! Resetting a user whose phone is lost (R16): disable and re-enable as one act.

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use store::{Receipt, Recorded, Store, Unit};
use types::{EventId, OrganizationPath, Token, TokenHash, UserId};

use super::change_enforcement::destroy;
use super::kept_answer::replay;
use super::set_policy::{mark, next_version, set_by};
use super::{Call, IssuedTicket, Mfa};
use crate::domain::{Chain, Setting, TICKET_LIFETIME, Target, UserState, may_change};
use crate::store::events::{self, Detail, NotificationKind, Whom};
use crate::store::{self as rows, Answer, UserKey};

/// Whom to reset, and why.
#[derive(Debug)]
pub(crate) struct ResetMfa {
    pub(crate) user_id: UserId,
    /// Not empty.
    pub(crate) reason: String,
    /// The ticket in the caller's own help-desk system.
    pub(crate) ticket_reference: String,
}

struct Context {
    act: Act,
    path: OrganizationPath,
    command: ResetMfa,
    kept: Option<sealed::Key>,
    ticket: Token,
    expire_time: Timestamp,
}

impl Mfa {
    /// Destroys what is configured, sets the user to enforced, issues an enrolment ticket, and answers when that is in
    /// force everywhere. A repetition with the same request id gets the same ticket and waits again; any other resets again,
    /// and the earlier ticket is void.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, CLOCK_NOT_TRUSTED;
    /// REQUEST_ID_REUSED; GENERATION_OUTDATED: it was done under this request id, and the user has moved on since; NOT_YET_IN_FORCE: the reset stands.
    pub(crate) async fn reset_mfa(
        &self,
        caller: &SignedIn,
        command: ResetMfa,
        call: &Call,
    ) -> Outcome<IssuedTicket> {
        let located = self.locate(caller, Target::User(command.user_id)).await?;
        may_change(caller, &located)?;
        if located.is_exempt() {
            return Err(Reason::UserNotLocal.into());
        }
        self.clock_trust.trusted()?;
        let act = call.act_of(caller, self.clock.now());
        let ticket = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let (path, kept, expire_time) = (located.path().clone(), call.kept.clone(), act.at + TICKET_LIFETIME);
        let (of, at, user_id) = (path.clone(), act.clone(), command.user_id);
        let context = Context { act, path, command, kept, ticket, expire_time };
        let unit = |store: Store| async move {
            store.unit("reset_mfa", context, |unit, context| Box::pin(reset(unit, context))).await
        };
        let outcome = self.settled(&at, &of, user_id, unit).await;
        let (event_id, answer) = request_record::answer(outcome)?;
        self.in_force.await_in_force(event_id).await?;
        let (ticket, expire_time) = answer.read_ticket()?;
        Ok(IssuedTicket { ticket, expire_time })
    }
}

async fn reset(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { act, path, command, kept, ticket, expire_time } = context;
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let user = UserKey::new(path, command.user_id);
    let state = rows::user::lock(unit, user).await?;
    replay(unit, earlier, user, state.generation).await?;
    let reset = Reset {
        act,
        whom: Whom { path, user_id: command.user_id },
        reason: &command.reason,
        ticket_reference: &command.ticket_reference,
        ticket: digest::token_hash(ticket),
        expire_time: *expire_time,
    };
    let (receipt, event_id) = reset_user(unit, &reset, &state).await?;
    let (answer, generation) = (Answer::ticket(ticket, *expire_time), state.after_reset().generation);
    sealed::insert(unit, kept.as_ref(), event_id, generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}

/// Whom to reset, why, and the ticket that is handed out.
pub(super) struct Reset<'a> {
    pub(super) act: &'a Act,
    pub(super) whom: Whom<'a>,
    pub(super) reason: &'a str,
    pub(super) ticket_reference: &'a str,
    pub(super) ticket: TokenHash,
    pub(super) expire_time: Timestamp,
}

/// Resets a locked user: destroys what is configured, sets them to enforced, issues the ticket, and records it all. A state
/// that requires a ticket keeps doing so. The event of the reset, which identity follows; the generation afterwards is
/// [`UserState::after_reset`]'s.
///
/// # Errors
/// The database's.
pub(super) async fn reset_user(
    unit: &mut Unit<'_>,
    reset: &Reset<'_>,
    state: &UserState,
) -> Outcome<(Receipt, EventId)> {
    let Reset { act, whom, reason, ticket_reference, ticket, expire_time } = reset;
    let (user, chain) = (UserKey::new(whom.path, whom.user_id), Chain::of_user(whom.path, whom.user_id));
    rows::policy::lock(unit, chain.own()).await?;
    let policy = rows::policy::load_in_unit(unit, &chain).await?;
    let destroyed = destroy(unit, act, whom, state).await?;
    rows::ticket::insert(unit, user, *ticket, act.at, *expire_time).await?;
    let (version, generation) = (next_version(policy.own()), state.after_reset().generation);
    let draft = events::factor_reset(act, whom, (reason, ticket_reference), generation, destroyed, version);
    let event_id = draft.event_id();
    let own_ticket = policy.own().setting.as_ref().is_some_and(|setting| setting.require_ticket);
    let required = state.ticket_required || own_ticket || policy.effective(act.at).requires_ticket;
    let setting = Setting {
        enforced: true,
        reason: (*reason).to_owned(),
        // What was announced for later holds from now on: a reset does not open it again.
        enforce_from: None,
        require_ticket: own_ticket,
        set_by: set_by(act),
        set_time: act.at,
        version,
        event_id,
    };
    rows::policy::set(unit, chain.own(), &setting).await?;
    mark(unit, chain.own(), act.at).await?;
    let receipt = unit.record(draft);
    // The ticket is part of the reset, whose reason it shares.
    let _also = unit.record(events::ticket_issued(act, whom, *expire_time, required, reason));
    let kind = NotificationKind::FactorReset;
    let _also = unit.record(events::notification_due(act, whom, kind, event_id, Detail::default()));
    Ok((receipt, event_id))
}
