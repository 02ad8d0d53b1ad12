//! The first administrator's enrolment ticket.

use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use rpc::CallInfo;
use store::{Recorded, Unit};
use types::{Role, Token, TokenHash};
use wire::UserFacts;

use super::Mfa;
use super::set_policy::{NewValue, set_policy};
use crate::domain::{BOOTSTRAP_TICKET_LIFETIME, Chain, Own, UserState};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, UserKey};

/// A ticket, shown once.
#[derive(Debug)]
pub(crate) struct IssuedTicket {
    pub(crate) ticket: Token,
    pub(crate) expire_time: Timestamp,
}

struct Context {
    act: Act,
    user: UserFacts,
    ticket: TokenHash,
    expire_time: Timestamp,
}

impl Mfa {
    /// Issues the ticket without which the first administrator cannot enrol, and enforces MFA for them, so that they
    /// cannot do without either: the first session is never opened by a password alone. Earlier tickets are void.
    ///
    /// # Errors
    /// ROLE_NOT_ALLOWED: the user is no provider administrator; USER_NOT_LOCAL; ALREADY_BOOTSTRAPPED: the user has a
    /// factor.
    pub(crate) async fn issue_bootstrap_ticket(
        &self,
        user: UserFacts,
        info: &CallInfo,
    ) -> Outcome<IssuedTicket> {
        if user.role != Role::ProviderAdmin {
            return Err(Reason::RoleNotAllowed.into());
        }
        if user.auth_source == types::AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        let act = Act::by_operator(info, self.clock.now());
        let token = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let (ticket, expire_time) = (digest::token_hash(&token), act.at + BOOTSTRAP_TICKET_LIFETIME);
        let context = Context { act, user, ticket, expire_time };
        let unit = self
            .store
            .unit("issue_bootstrap_ticket", context, |unit, context| Box::pin(issue(unit, context)));
        unit.await?;
        Ok(IssuedTicket { ticket: token, expire_time })
    }
}

async fn issue(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<()>> {
    let Context { act, user: facts, ticket, expire_time } = context;
    let (user, whom) = (UserKey::new(&facts.path, facts.id), Whom { path: &facts.path, user_id: facts.id });
    let state = rows::user::lock(unit, user).await?;
    if rows::factor::load_in_unit(unit, user).await?.is_some() {
        return Err(Reason::AlreadyBootstrapped.into());
    }
    enforce(unit, act, facts, state.generation).await?;
    rows::user::save(unit, user, &UserState { ticket_required: true, ..state }).await?;
    rows::pending::delete_all(unit, user).await?;
    rows::ticket::delete_unspent(unit, user).await?;
    rows::ticket::insert(unit, user, *ticket, act.at, *expire_time).await?;
    Ok(unit.record(events::ticket_issued(act, &whom, *expire_time, true, "")).with(()))
}

async fn enforce(unit: &mut Unit<'_>, act: &Act, facts: &UserFacts, generation: i64) -> Outcome<()> {
    let chain = Chain::of_user(&facts.path, facts.id);
    rows::policy::lock(unit, chain.own()).await?;
    let policy = rows::policy::load_in_unit(unit, &chain).await?;
    if policy.own().own() == Own::Enforced {
        return Ok(());
    }
    let value = NewValue {
        event_type: "mfa.enforcement.enforced",
        enforced: true,
        reason: "first administrator",
        enforce_from: None,
        require_ticket: false,
        generation,
        destroyed: false,
        at_creation: true,
    };
    let (_receipt, _event) = set_policy(unit, act, &facts.path, policy.own(), &value).await?;
    Ok(())
}
