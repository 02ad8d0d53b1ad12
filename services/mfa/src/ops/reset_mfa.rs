//! Resetting a user whose phone is lost (R16): disable and re-enable as one act.

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use store::{Recorded, Unit};
use types::{EventId, OrganizationPath, Token, TokenHash, UserId};

use super::change_enforcement::destroy;
use super::set_policy::{mark, next_version, set_by};
use super::{Call, IssuedTicket, Mfa};
use crate::domain::{Chain, Setting, TICKET_LIFETIME, Target, may_change};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, UserKey};

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
    ticket: TokenHash,
    expire_time: Timestamp,
}

impl Mfa {
    /// Destroys what is configured, sets the user to enforced, issues an enrolment ticket, and answers when that is in
    /// force everywhere. A retry resets again and issues another ticket; the earlier one is void.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, CLOCK_NOT_TRUSTED;
    /// NOT_YET_IN_FORCE: the reset stands.
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
        let token = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let (ticket, expire_time) = (digest::token_hash(&token), act.at + TICKET_LIFETIME);
        let context = Context { act, path: located.path().clone(), command, ticket, expire_time };
        let unit = self.store.unit("reset_mfa", context, |unit, context| Box::pin(reset(unit, context)));
        let event_id = unit.await?;
        self.in_force.await_in_force(event_id).await?;
        Ok(IssuedTicket { ticket: token, expire_time })
    }
}

async fn reset(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<EventId>> {
    let Context { act, path, command, ticket, expire_time } = context;
    let (user, whom) = (UserKey::new(path, command.user_id), Whom { path, user_id: command.user_id });
    let state = rows::user::lock(unit, user).await?;
    let chain = Chain::of_user(path, command.user_id);
    rows::policy::lock(unit, chain.own()).await?;
    let policy = rows::policy::load_in_unit(unit, &chain).await?;
    let destroyed = destroy(unit, user, &state).await?;
    let generation = state.after_reset().generation;
    rows::ticket::insert(unit, user, *ticket, act.at, *expire_time).await?;
    let version = next_version(policy.own());
    let why = (command.reason.as_str(), command.ticket_reference.as_str());
    let draft = events::factor_reset(act, &whom, why, generation, destroyed, version);
    let event_id = draft.event_id();
    let own_ticket = policy.own().setting.as_ref().is_some_and(|setting| setting.require_ticket);
    let required = state.ticket_required || own_ticket || policy.effective(act.at).requires_ticket;
    let setting = Setting {
        enforced: true,
        reason: command.reason.clone(),
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
    let _also = unit.record(events::ticket_issued(act, &whom, *expire_time, required, &command.reason));
    Ok(receipt.with(event_id))
}
