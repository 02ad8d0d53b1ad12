//! The way back for a provider administrator who lost the phone while nobody else can reset them.

use clock::Timestamp;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use rpc::CallInfo;
use store::{Recorded, Store, Unit};
use types::{AuthSource, EventId, Login, OrganizationPath, RequestId, Role, Token, UserId};
use wire::{UserFacts, UserState as Standing};

use super::kept_answer::replay;
use super::reset_mfa::{Reset, reset_user};
use super::settled::in_call;
use super::{IssuedTicket, Mfa};
use crate::domain::{TICKET_LIFETIME, UserState};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, Answer, UserKey};

/// The method's name in the log of refusals.
const METHOD: &str = "/countersign.mfa.v1.FactorService/BreakGlassTicket";

/// Whom to let back in, and why.
#[derive(Debug)]
pub(crate) struct BreakGlassTicket {
    pub(crate) login: Login,
    /// Not empty.
    pub(crate) reason: String,
    /// The ticket in the caller's own help-desk system.
    pub(crate) ticket_reference: String,
}

/// A call of the operator's, for no user.
#[derive(Debug)]
pub(crate) struct OperatorCall {
    /// What events say about it.
    pub(crate) info: CallInfo,
    /// The caller's own id of it, for the event.
    pub(crate) request_id: Option<RequestId>,
    /// The same id with method and content, and what the answer is sealed with.
    pub(crate) request: Option<sealed::Key>,
}

struct Context {
    act: Act,
    request: Option<sealed::Key>,
    path: OrganizationPath,
    user_id: UserId,
    command: BreakGlassTicket,
    ticket: Token,
    expire_time: Timestamp,
}

impl Mfa {
    /// Resets one provider administrator like `ResetMfa`, and issues the ticket without which they cannot enrol: the password
    /// alone must not be worth a provider administrator's session. Loud: an event of its own, the user's notification, a line
    /// in the operator's log. Answers when it is in force everywhere.
    ///
    /// # Errors
    /// NOT_FOUND: no active local provider administrator has this login; BREAK_GLASS_NOT_NEEDED: another active one has a
    /// factor with which they can sign in and reset this one; CLOCK_NOT_TRUSTED, DEPENDENCY_UNAVAILABLE,
    /// REQUEST_ID_REUSED, GENERATION_OUTDATED. Each leaves an event. NOT_YET_IN_FORCE: the reset stands.
    pub(crate) async fn break_glass_ticket(
        &self,
        command: BreakGlassTicket,
        call: OperatorCall,
    ) -> Outcome<IssuedTicket> {
        let act = Act::by_operator(&call.info, self.clock.now()).with_request_id(call.request_id);
        let (event_id, answer) = match self.reset_for_operator(command, call.request, act.clone()).await {
            Ok(reset) => reset,
            Err(fault) => return Err(self.refused(&act, fault).await),
        };
        self.in_force.await_in_force(event_id).await?;
        let (ticket, expire_time) = answer.read_ticket()?;
        Ok(IssuedTicket { ticket, expire_time })
    }

    async fn reset_for_operator(
        &self,
        command: BreakGlassTicket,
        request: Option<sealed::Key>,
        act: Act,
    ) -> Outcome<(EventId, Answer)> {
        let UserFacts { path, id: user_id, .. } = self.sole_administrator(&command.login).await?;
        self.clock_trust.trusted()?;
        let ticket = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let expire_time = act.at + TICKET_LIFETIME;
        let (of, at) = (path.clone(), act.clone());
        let context = Context { act, request, path, user_id, command, ticket, expire_time };
        let unit = |store: Store| async move {
            store
                .unit("break_glass_ticket", context, |unit, context| Box::pin(break_glass(unit, context)))
                .await
        };
        let reset = request_record::answer(self.settled(&at, &of, user_id, unit).await)?;
        let trace_id = at.trace_id;
        tracing::error!(user = %user_id, trace_id, "BREAK GLASS: the operator resets a provider administrator");
        Ok(reset)
    }

    /// The active, local provider administrator of this login, whom no other can help. mfa's copy of identity's log says whom
    /// to ask about, identity says what holds.
    async fn sole_administrator(&self, login: &Login) -> Outcome<UserFacts> {
        let id = rows::known_user::by_login(&self.store, login).await?.ok_or(Reason::NotFound)?;
        let user = self.identity.resolve_user(id).await?;
        if user.login != *login || !is_administrator(&user) {
            return Err(Reason::NotFound.into());
        }
        let organization = user.path.organization_id();
        for other in rows::known_user::administrators_with_factor(&self.store, organization, id).await? {
            match self.identity.resolve_user(other).await {
                Ok(other) if is_administrator(&other) => return Err(Reason::BreakGlassNotNeeded.into()),
                Ok(_) => {}
                Err(fault) if fault.reason() == Reason::NotFound => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(user)
    }

    /// Leaves the trace of a refusal in the provider's log; what is to be answered.
    async fn refused(&self, act: &Act, fault: Fault) -> Fault {
        let reason = fault.reason();
        let provider = match rows::organization::provider(&self.store).await {
            Ok(Some(provider)) => provider,
            // Before the bootstrap there is nobody's log to leave it in.
            Ok(None) => return fault,
            Err(error) => return error.into(),
        };
        let (store, context) = (self.store.clone(), (act.clone(), provider));
        let record = in_call(async move {
            let unit = store.unit("break_glass_refused", context, move |unit, (act, provider)| {
                Box::pin(async move {
                    let draft = events::operator_refused(act, provider, METHOD, reason.as_str());
                    Ok(unit.record(draft).with(()))
                })
            });
            unit.await
        });
        record.await.err().unwrap_or(fault)
    }
}

fn is_administrator(user: &UserFacts) -> bool {
    user.role == Role::ProviderAdmin
        && user.auth_source == AuthSource::Local
        && user.state == Standing::Active
}

async fn break_glass(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { act, request, path, user_id, command, ticket, expire_time } = context;
    let kept = sealed::find(unit, request.as_ref(), act.at).await?;
    let user = UserKey::new(path, *user_id);
    let state = rows::user::lock(unit, user).await?;
    replay(unit, kept, user, state.generation).await?;
    let whom = Whom { path, user_id: *user_id };
    let why = (command.reason.as_str(), command.ticket_reference.as_str());
    let reset = Reset {
        act,
        whom: whom.clone(),
        reason: why.0,
        ticket_reference: why.1,
        ticket: digest::token_hash(ticket),
        expire_time: *expire_time,
    };
    let state = UserState { ticket_required: true, ..state };
    let (receipt, event_id) = reset_user(unit, &reset, &state).await?;
    let _also = unit.record(events::break_glass_used(act, &whom, why, *expire_time));
    let answer = Answer::ticket(ticket, *expire_time);
    let generation = state.after_reset().generation;
    sealed::insert(unit, request.as_ref(), event_id, generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}
