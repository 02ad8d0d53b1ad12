//! A ticket for a user who is about to enrol, to be handed over by whoever knows them.

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use store::{Recorded, Unit};
use types::{OrganizationPath, Token, TokenHash, UserId};

use super::{Call, IssuedTicket, Mfa};
use crate::domain::{Chain, TICKET_LIFETIME, Target, may_change};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, UserKey};

/// For whom, and why.
#[derive(Debug)]
pub(crate) struct IssueEnrollmentTicket {
    pub(crate) user_id: UserId,
    pub(crate) reason: String,
}

struct Context {
    act: Act,
    path: OrganizationPath,
    command: IssueEnrollmentTicket,
    ticket: TokenHash,
    expire_time: Timestamp,
}

impl Mfa {
    /// Issues a ticket. An earlier one is void, and so is every enrolment that is under way: whoever began it had less.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, FACTOR_EXISTS.
    pub(crate) async fn issue_enrollment_ticket(
        &self,
        caller: &SignedIn,
        command: IssueEnrollmentTicket,
        call: &Call,
    ) -> Outcome<IssuedTicket> {
        let located = self.locate(caller, Target::User(command.user_id)).await?;
        may_change(caller, &located)?;
        if located.is_exempt() {
            return Err(Reason::UserNotLocal.into());
        }
        let act = call.act_of(caller, self.clock.now());
        let token = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let (ticket, expire_time) = (digest::token_hash(&token), act.at + TICKET_LIFETIME);
        let context = Context { act, path: located.path().clone(), command, ticket, expire_time };
        let unit = self
            .store
            .unit("issue_enrollment_ticket", context, |unit, context| Box::pin(issue(unit, context)));
        unit.await?;
        Ok(IssuedTicket { ticket: token, expire_time })
    }
}

async fn issue(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<()>> {
    let Context { act, path, command, ticket, expire_time } = context;
    let (user, whom) = (UserKey::new(path, command.user_id), Whom { path, user_id: command.user_id });
    let state = rows::user::lock(unit, user).await?;
    if rows::factor::load_in_unit(unit, user).await?.is_some() {
        return Err(Reason::FactorExists.into());
    }
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, command.user_id)).await?;
    rows::pending::delete_all(unit, user).await?;
    rows::ticket::delete_unspent(unit, user).await?;
    rows::ticket::insert(unit, user, *ticket, act.at, *expire_time).await?;
    let required = state.ticket_required || policy.effective(act.at).requires_ticket;
    let draft = events::ticket_issued(act, &whom, *expire_time, required, &command.reason);
    Ok(unit.record(draft).with(()))
}
