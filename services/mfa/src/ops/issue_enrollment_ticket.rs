//! A ticket for a user who is about to enrol, to be handed over by whoever knows them.

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use store::{Recorded, Store, Unit};
use types::{EventId, OrganizationPath, Token, UserId};

use super::kept_answer::replay;
use super::{Call, IssuedTicket, Mfa};
use crate::domain::{Chain, TICKET_LIFETIME, Target, may_change};
use crate::store::events::{self, Whom};
use crate::store::{self as rows, Answer, UserKey};

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
    kept: Option<sealed::Key>,
    ticket: Token,
    expire_time: Timestamp,
}

impl Mfa {
    /// Issues a ticket. An earlier one is void, and so is every enrolment that is under way: whoever began it had less. A
    /// repetition with the same request id gets the same ticket.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, FACTOR_EXISTS,
    /// REQUEST_ID_REUSED, GENERATION_OUTDATED.
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
        let ticket = Token::generate().map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
        let (path, kept, expire_time) = (located.path().clone(), call.kept.clone(), act.at + TICKET_LIFETIME);
        let (of, at, user_id) = (path.clone(), act.clone(), command.user_id);
        let context = Context { act, path, command, kept, ticket, expire_time };
        let unit = |store: Store| async move {
            store
                .unit("issue_enrollment_ticket", context, |unit, context| Box::pin(issue(unit, context)))
                .await
        };
        let outcome = self.settled(&at, &of, user_id, unit).await;
        let (_, answer) = request_record::answer(outcome)?;
        let (ticket, expire_time) = answer.read_ticket()?;
        Ok(IssuedTicket { ticket, expire_time })
    }
}

async fn issue(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { act, path, command, kept, ticket, expire_time } = context;
    let earlier = sealed::find(unit, kept.as_ref(), act.at).await?;
    let (user, whom) = (UserKey::new(path, command.user_id), Whom { path, user_id: command.user_id });
    let state = rows::user::lock(unit, user).await?;
    replay(unit, earlier, user, state.generation).await?;
    if rows::factor::load_in_unit(unit, user).await?.is_some() {
        return Err(Reason::FactorExists.into());
    }
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, command.user_id)).await?;
    rows::pending::delete_all(unit, user).await?;
    rows::ticket::delete_unspent(unit, user).await?;
    rows::ticket::insert(unit, user, digest::token_hash(ticket), act.at, *expire_time).await?;
    let required = state.ticket_required || policy.effective(act.at).requires_ticket;
    let draft = events::ticket_issued(act, &whom, *expire_time, required, &command.reason);
    let (event_id, answer) = (draft.event_id(), Answer::ticket(ticket, *expire_time));
    let receipt = unit.record(draft);
    sealed::insert(unit, kept.as_ref(), event_id, state.generation, &answer, act.at).await?;
    Ok(receipt.with((event_id, answer)))
}
