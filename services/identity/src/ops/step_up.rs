//! Proving the second factor again, or for the first time, in a session.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{AuthSource, OneTimeCode};

use super::answered_before::leave_if_answered;
use super::lock_user::{Locked, lock_user};
use super::to_the_end::to_the_end;
use super::{Identity, Origin, signed_in};
use crate::domain::evaluation::{Basis, VerifiedCode};
use crate::domain::floors::Outdated;
use crate::domain::opened::AccessToken;
use crate::domain::refusal_counts::Cause;
use crate::peers::mfa::{CodeAttempt, Purpose};
use crate::store::answers::SteppedUp;
use crate::store::sessions::Standing;
use crate::store::{events, kept_answers, sessions};

/// The command.
#[derive(Debug)]
pub struct StepUp {
    /// Whose session.
    pub bearer: SignedIn,
    /// The code as typed.
    pub code: OneTimeCode,
    /// Under which it is kept that it was done.
    pub key: Option<sealed::Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Proved {
    bearer: SignedIn,
    origin: Origin,
    user_version: i64,
    basis: Basis,
    code: VerifiedCode,
    key: Option<sealed::Key>,
    now: Timestamp,
}

impl Identity {
    /// Checks a code for the bearer's session; an access token that says so. The same request again is not done again: an
    /// access token of the session as it is then is its answer.
    ///
    /// # Errors
    /// CODE_REFUSED, FACTOR_MISSING; TOKEN_INVALID when the session is over; REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE.
    pub async fn step_up(&self, command: StepUp) -> Outcome<AccessToken> {
        let StepUp { bearer, code, key, origin } = command;
        let peer = origin.call.peer.clone();
        let now = self.clock.now();
        if kept_answers::find::<SteppedUp>(&self.store, key.as_ref(), now).await?.is_some() {
            return self.token_again(&bearer, &peer).await;
        }
        let standing = self.standing_of(&bearer).await?;
        if standing.user.auth_source == AuthSource::External {
            // Their second factor is their identity provider's: a new assertion renews it.
            return Err(Reason::FactorMissing.into());
        }
        let facts = standing.user.facts(&standing.organization.path);
        let evaluation = self.mfa.evaluate_sign_in(&facts).await.map_err(pass_on)?;
        if evaluation.generation != standing.session.basis.generation {
            // The session is about to end or to be lifted, as soon as the change is heard of here.
            return Err(Fault::new(Reason::DependencyUnavailable)
                .with_cause("what mfa did to the user has not been heard of yet"));
        }
        let attempt = CodeAttempt {
            user: facts,
            attempt_id: self.attempt_id(bearer.session_id.uuid(), origin.request_id, code.expose()),
            code,
            basis: evaluation.basis(),
            purpose: Purpose::Session(bearer.session_id),
            client: origin.client.clone(),
        };
        let (identity, of, user_version) = (self.clone(), bearer.clone(), standing.user.version);
        let work = async move {
            let verdict = identity.mfa.verify_code(&attempt).await;
            let code = verdict.map_err(|fault| identity.code_refused(fault))?;
            let (basis, now) = (attempt.basis, identity.clock.now());
            let proved = Proved { bearer: of, origin, user_version, basis, code, key, now };
            // What it comes to is told by the caller: the fault may be an earlier answer.
            let unit = identity.store.unit("step_up", proved, |unit, proved| Box::pin(record(unit, proved)));
            Ok::<_, Fault>(unit.await)
        };
        match to_the_end(work).await? {
            Ok(standing) => self.tokens.issue(&standing, &peer, &self.lifetimes).await,
            // A call of the same request was faster, or the fault is one.
            Err(fault) => {
                request_record::answer::<SteppedUp>(Err(fault))?;
                self.token_again(&bearer, &peer).await
            }
        }
    }

    /// What the bearer may learn. An attempt against a lock that is on mfa's log leaves no event here either.
    fn code_refused(&self, fault: Fault) -> Fault {
        if rpc::is_only_counted(&fault) {
            self.refusals.count(Cause::Locked, self.clock.now());
            rpc::refusal_is_recorded();
        }
        pass_on(fault)
    }

    /// An access token of a session that was stepped up before.
    async fn token_again(&self, bearer: &SignedIn, peer: &str) -> Outcome<AccessToken> {
        if !self.may_give(bearer.organization_id(), bearer.session_id).await? {
            return Err(Reason::TokenInvalid.into());
        }
        self.tokens.issue(&self.standing_of(bearer).await?, peer, &self.lifetimes).await
    }

    /// The bearer's session, user and organisation as they are now.
    ///
    /// # Errors
    /// TOKEN_INVALID; DEPENDENCY_UNAVAILABLE.
    pub async fn standing_of(&self, bearer: &SignedIn) -> Outcome<Standing> {
        let found = sessions::find(&self.store, bearer.organization_id(), bearer.session_id).await?;
        found.ok_or_else(|| Reason::TokenInvalid.into())
    }
}

async fn record(unit: &mut Unit<'_>, proved: &Proved) -> Outcome<Recorded<Standing>> {
    leave_if_answered(unit, proved.key.as_ref(), proved.now).await?;
    let SignedIn { path, user_id, session_id, .. } = &proved.bearer;
    let over = || Fault::new(Reason::TokenInvalid);
    let Locked { record, organization, floors } = lock_user(unit, path, *user_id).await?.ok_or_else(over)?;
    let user = record.user;
    let session = sessions::lock(unit, path.organization_id(), *session_id).await?.ok_or_else(over)?;
    if !session.is_live(proved.now) || user.version != proved.user_version {
        return Err(over());
    }
    match floors.check(&proved.basis) {
        Ok(()) => {}
        Err(Outdated::Generation) => return Err(over()),
        Err(Outdated::Policy) => return Err(Reason::DependencyUnavailable.into()),
    }
    let session = session.stepped_up(proved.basis.clone(), proved.code);
    sessions::update(unit, &session).await?;
    let act = proved.origin.by_user(&signed_in(&user, path, &session), proved.now);
    let draft = events::session_stepped_up(&act, path, &session);
    let (event, generation) = (draft.event_id(), session.basis.generation);
    let receipt = unit.record(draft);
    let answer = SteppedUp::default();
    sealed::insert(unit, proved.key.as_ref(), event, generation, &answer, proved.now).await?;
    Ok(receipt.with(Standing { session, user, organization }))
}

/// What the bearer may learn of mfa's refusal.
fn pass_on(fault: Fault) -> Fault {
    match fault.reason() {
        Reason::CodeRefused | Reason::FactorMissing => fault,
        _ => Fault::new(Reason::DependencyUnavailable).with_cause(fault),
    }
}
