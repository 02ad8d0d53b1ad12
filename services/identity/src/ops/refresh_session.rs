//! Exchanging a refresh token: each is good once, and one that comes back ends its session.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use types::{Token, TokenHash};

use super::lock_user::{Locked, lock_user};
use super::{Identity, OpenedSession, Origin, no_randomness, signed_in};
use crate::domain::evaluation::Evaluation;
use crate::domain::floors::Floors;
use crate::domain::refresh::{self, Decision, Situation};
use crate::domain::session::{EndCause, Lifetimes, TokenState};
use crate::store::events;
use crate::store::sessions::{self, Standing};

/// How often policy may change under a refresh before it is given up.
const EVALUATIONS: usize = 2;

/// The command.
#[derive(Debug)]
pub struct RefreshSession {
    /// None when the text can be no token of ours.
    pub refresh_token: Option<Token>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Exchange {
    origin: Origin,
    standing: Standing,
    spent: TokenHash,
    fresh: Token,
    /// None when what is known without mfa is enough to end the session.
    evaluation: Option<Evaluation>,
    now: Timestamp,
    lifetimes: Lifetimes,
}

impl Identity {
    /// Exchanges a refresh token for a new pair. Times of authentication are never renewed.
    ///
    /// # Errors
    /// REFRESH_REFUSED, whatever was wrong (an end of the session is recorded); DEPENDENCY_UNAVAILABLE: the token was not
    /// spent then.
    pub async fn refresh_session(&self, command: RefreshSession) -> Outcome<OpenedSession> {
        let token = command.refresh_token.ok_or(Reason::RefreshRefused)?;
        let hash = token_hash(&token);
        for _ in 0..EVALUATIONS {
            match self.exchange(hash, &command.origin).await {
                Err(fault) if fault.reason() == Reason::GenerationOutdated => {}
                other => return other,
            }
        }
        Err(Fault::new(Reason::DependencyUnavailable)
            .with_cause("policy changes faster than it can be followed"))
    }

    async fn exchange(&self, spent: TokenHash, origin: &Origin) -> Outcome<OpenedSession> {
        let found = sessions::find_by_token(&self.store, spent).await?;
        let (standing, token) = found.ok_or(Reason::RefreshRefused)?;
        let now = self.clock.now();
        let floors = Floors::default();
        let evaluation = match refresh::at_first_sight(&situation(&standing, token, &floors, now)) {
            Some(Decision::Refuse) => return Err(Reason::RefreshRefused.into()),
            Some(_) => None,
            None => {
                let facts = standing.user.facts(&standing.organization.path);
                let evaluation = self.mfa.evaluate_sign_in(&facts).await;
                Some(
                    evaluation
                        .map_err(|fault| Fault::new(Reason::DependencyUnavailable).with_cause(fault))?,
                )
            }
        };
        let fresh = Token::generate().map_err(no_randomness)?;
        let exchange = Exchange {
            origin: origin.clone(),
            standing,
            spent,
            fresh: fresh.clone(),
            evaluation,
            now: self.clock.now(),
            lifetimes: self.lifetimes,
        };
        // None when the session was ended.
        let exchanged: Option<Standing> = self
            .store
            .unit("refresh_session", exchange, |unit, exchange| Box::pin(run(unit, exchange)))
            .await?;
        let exchanged = exchanged.ok_or(Reason::RefreshRefused)?;
        let access_token = self.tokens.issue(&exchanged, &origin.call.peer, &self.lifetimes).await?;
        Ok(OpenedSession { session_id: exchanged.session.id, access_token, refresh_token: fresh })
    }
}

async fn run(unit: &mut Unit<'_>, exchange: &Exchange) -> Outcome<Recorded<Option<Standing>>> {
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
            sessions::spend_token(unit, exchange.spent, exchange.now).await?;
            sessions::insert_token(unit, &session, token_hash(&exchange.fresh), exchange.now).await?;
            sessions::update(unit, &session).await?;
            let receipt = unit.record(events::session_refreshed(&act, &path, session.id));
            Ok(receipt.with(Some(Standing { session, ..standing })))
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
            Ok(unit.record(draft).with(None))
        }
        (Decision::Refuse, _) => Err(Reason::RefreshRefused.into()),
        (Decision::AskAgain | Decision::Rotate, _) => Err(Reason::GenerationOutdated.into()),
    }
}

/// Everything as it is now: organisation, user, floors, session, token, in this order.
async fn lock(unit: &Unit<'_>, exchange: &Exchange) -> Outcome<(Standing, TokenState, Floors)> {
    let Standing { session, user, organization } = &exchange.standing;
    let gone = || Fault::new(Reason::RefreshRefused);
    let Locked { record, organization, floors } =
        lock_user(unit, &organization.path, user.id).await?.ok_or_else(gone)?;
    let user = record.user;
    let session = sessions::lock(unit, user.organization_id, session.id).await?.ok_or_else(gone)?;
    let token = sessions::lock_token(unit, exchange.spent).await?.ok_or_else(gone)?;
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
