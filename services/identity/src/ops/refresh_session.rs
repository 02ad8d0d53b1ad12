//! Exchanging a refresh token: each is good once, and one that comes back ends its session - unless it is the same request
//! again, whose answer was lost a moment ago.

use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use types::{EventId, Token, TokenHash};

use super::access_tokens::Pen;
use super::answered_before::leave_if_answered;
use super::lock_user::{Locked, lock_user};
use super::{Identity, Origin, no_randomness, signed_in};
use crate::domain::evaluation::Evaluation;
use crate::domain::floors::Floors;
use crate::domain::opened::OpenedSession;
use crate::domain::refresh::{self, Decision, Situation};
use crate::domain::session::{EndCause, Lifetimes, TokenState};
use crate::store::answers::{self, Refreshed};
use crate::store::sessions::{self, Standing};
use crate::store::{events, kept_answers, refresh_tokens};

/// How often policy may change under a refresh before it is given up.
const EVALUATIONS: usize = 2;
/// How long the same request is a retry and no alarm.
pub const KEPT: time::Duration = time::Duration::seconds(30);

/// The command.
#[derive(Debug)]
pub struct RefreshSession {
    /// None when the text can be no token of ours.
    pub refresh_token: Option<Token>,
    /// Under which the answer is kept, for as long as [`KEPT`].
    pub key: Option<sealed::Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Exchange {
    origin: Origin,
    standing: Standing,
    spent: TokenHash,
    fresh: Token,
    pen: Pen,
    key: Option<sealed::Key>,
    /// None when what is known without mfa is enough to end the session.
    evaluation: Option<Evaluation>,
    now: Timestamp,
    lifetimes: Lifetimes,
}

impl Identity {
    /// Exchanges a refresh token for a new pair. Times of authentication are never renewed.
    ///
    /// # Errors
    /// REFRESH_REFUSED, whatever was wrong (an end of the session is recorded, the first refusal after that, too; a token that
    /// nobody gave out is counted); DEPENDENCY_UNAVAILABLE: the token was not spent then.
    pub async fn refresh_session(&self, command: RefreshSession) -> Outcome<OpenedSession> {
        let Some(token) = &command.refresh_token else { return Err(self.refuse_unknown_refresh()) };
        let hash = token_hash(token);
        for _ in 0..EVALUATIONS {
            match self.exchange(hash, &command).await {
                Err(fault) if fault.reason() == Reason::GenerationOutdated => {}
                other => return other,
            }
        }
        Err(Fault::new(Reason::DependencyUnavailable)
            .with_cause("policy changes faster than it can be followed"))
    }

    async fn exchange(&self, spent: TokenHash, command: &RefreshSession) -> Outcome<OpenedSession> {
        let RefreshSession { key, origin, .. } = command;
        let found = sessions::find_by_token(&self.store, spent).await?;
        let Some((mut standing, token)) = found else { return Err(self.refuse_unknown_refresh()) };
        let now = self.clock.now();
        if token == TokenState::Spent
            && let Some(answer) = kept_answers::find(&self.store, key.as_ref(), now).await?
        {
            return self.give_again(&standing, &answer).await;
        }
        // What is not known of the tree is asked for: a session does not end of it.
        let organization_id = standing.session.organization_id;
        standing.organization =
            self.complete_organization(Some(standing.organization), organization_id).await?;
        let floors = Floors::default();
        let evaluation = match refresh::at_first_sight(&situation(&standing, token, &floors, now)) {
            Some(Decision::Refuse) => return Err(self.refuse_refresh(&standing, origin).await),
            Some(_) => None,
            None => Some(self.evaluate(&standing).await?),
        };
        let path = standing.organization.path.clone();
        let exchange = Exchange {
            origin: origin.clone(),
            standing: standing.clone(),
            spent,
            fresh: Token::generate().map_err(no_randomness)?,
            pen: self.tokens.pen(&path, &origin.call.peer, &self.lifetimes).await?,
            key: key.clone(),
            evaluation,
            now: self.clock.now(),
            lifetimes: self.lifetimes,
        };
        let outcome = self
            .store
            .unit("refresh_session", exchange, |unit, exchange| Box::pin(run(unit, exchange)))
            .await;
        match outcome {
            Ok((_, answer)) => read(&answer),
            Err(fault) if fault.reason() == Reason::RefreshRefused => {
                Err(self.refuse_refresh(&standing, origin).await)
            }
            // A call of the same request was faster, or the fault is one.
            Err(fault) => {
                let (_, answer) = request_record::answer(Err(fault))?;
                self.give_again(&standing, &answer).await
            }
        }
    }

    /// The first answer to the same request, while its session lives.
    async fn give_again(&self, standing: &Standing, answer: &Refreshed) -> Outcome<OpenedSession> {
        let Standing { session, .. } = standing;
        if self.may_give(session.organization_id, session.id).await? {
            read(answer)
        } else {
            Err(Reason::RefreshRefused.into())
        }
    }
}

/// The session of an answer; none where it was ended.
///
/// # Errors
/// REFRESH_REFUSED.
fn read(answer: &Refreshed) -> Outcome<OpenedSession> {
    answers::read_session(answer.session.as_ref().ok_or(Reason::RefreshRefused)?)
}

async fn run(unit: &mut Unit<'_>, exchange: &Exchange) -> Outcome<Recorded<(EventId, Refreshed)>> {
    leave_if_answered(unit, exchange.key.as_ref(), exchange.now).await?;
    let (standing, token, floors) = lock(unit, exchange).await?;
    let situation = situation(&standing, token, &floors, exchange.now);
    let decision = match &exchange.evaluation {
        Some(evaluation) => refresh::decide(&situation, evaluation),
        // Decided without mfa before; if that no longer holds, start again.
        None => refresh::at_first_sight(&situation).unwrap_or(Decision::AskAgain),
    };
    let path = standing.organization.path.clone();
    let act = exchange.origin.by_user(&signed_in(&standing.user, &path, &standing.session), exchange.now);
    match (decision, &exchange.evaluation) {
        (Decision::Rotate, Some(evaluation)) => {
            let session = standing.session.refreshed(evaluation.basis(), exchange.now, &exchange.lifetimes);
            refresh_tokens::spend(unit, exchange.spent, exchange.now).await?;
            refresh_tokens::insert(unit, &session, token_hash(&exchange.fresh), exchange.now).await?;
            sessions::update(unit, &session).await?;
            let draft = events::session_refreshed(&act, &path, session.id);
            let (event, generation) = (draft.event_id(), session.basis.generation);
            let receipt = unit.record(draft);
            let answer = answer(exchange, Standing { session, ..standing })?;
            sealed::insert(unit, exchange.key.as_ref(), event, generation, &answer, exchange.now).await?;
            Ok(receipt.with((event, answer)))
        }
        (Decision::End(cause), _) => {
            let act = match cause {
                // Whoever shows a spent token is not known to be the user.
                EndCause::RefreshTokenReused => exchange.origin.anonymous(exchange.now),
                EndCause::Revoked
                | EndCause::FactorChanged
                | EndCause::MfaRequired
                | EndCause::UserChanged
                | EndCause::OrganizationChanged => act,
            };
            sessions::end(unit, &standing.session, cause).await?;
            let draft = events::session_ended(&act, &path, standing.session.id, cause);
            let event = draft.event_id();
            Ok(unit.record(draft).with((event, Refreshed::default())))
        }
        (Decision::Refuse, _) => Err(Reason::RefreshRefused.into()),
        (Decision::AskAgain | Decision::Rotate, _) => Err(Reason::GenerationOutdated.into()),
    }
}

fn answer(exchange: &Exchange, standing: Standing) -> Outcome<Refreshed> {
    let opened = OpenedSession {
        session_id: standing.session.id,
        access_token: exchange.pen.write(&standing)?,
        refresh_token: exchange.fresh.clone(),
    };
    Ok(Refreshed { session: Some(answers::session(&opened)) })
}

/// Everything as it is now: organisation, user, floors, session, token, in this order.
async fn lock(unit: &Unit<'_>, exchange: &Exchange) -> Outcome<(Standing, TokenState, Floors)> {
    let Standing { session, user, organization } = &exchange.standing;
    let gone = || Fault::new(Reason::RefreshRefused);
    let Locked { record, organization, floors } =
        lock_user(unit, &organization.path, user.id).await?.ok_or_else(gone)?;
    let user = record.user;
    let session = sessions::lock(unit, user.organization_id, session.id).await?.ok_or_else(gone)?;
    let token = refresh_tokens::lock(unit, exchange.spent).await?.ok_or_else(gone)?;
    Ok((Standing { session, user, organization }, token, floors))
}

fn situation<'a>(
    standing: &'a Standing,
    token: TokenState,
    floors: &'a Floors,
    now: Timestamp,
) -> Situation<'a> {
    Situation {
        session: &standing.session,
        token,
        user: &standing.user,
        branch: standing.organization.branch,
        floors,
        now,
    }
}
