//! Proving the second factor again, or for the first time, in a session.

use access::SignedIn;
use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{AttemptId, AuthSource, OneTimeCode};

use super::lock_user::{Locked, lock_user};
use super::{AccessToken, Identity, Origin, signed_in};
use crate::domain::evaluation::{Basis, VerifiedCode};
use crate::domain::floors::Outdated;
use crate::peers::mfa::{CodeAttempt, Purpose};
use crate::store::sessions::Standing;
use crate::store::{events, sessions};

/// The command.
#[derive(Debug)]
pub struct StepUp {
    /// Whose session.
    pub bearer: SignedIn,
    /// The code as typed.
    pub code: OneTimeCode,
    /// Where it comes from.
    pub origin: Origin,
}

struct Proved {
    bearer: SignedIn,
    origin: Origin,
    user_version: i64,
    basis: Basis,
    code: VerifiedCode,
    now: Timestamp,
}

impl Identity {
    /// Checks a code for the bearer's session; an access token that says so.
    ///
    /// # Errors
    /// CODE_REFUSED, FACTOR_MISSING; TOKEN_INVALID when the session is over; DEPENDENCY_UNAVAILABLE.
    pub async fn step_up(&self, command: StepUp) -> Outcome<AccessToken> {
        let StepUp { bearer, code, origin } = command;
        let standing = self.standing_of(&bearer).await?;
        if standing.user.auth_source == AuthSource::External {
            // Their second factor is their identity provider's: a new assertion renews it.
            return Err(Reason::FactorMissing.into());
        }
        let facts = standing.user.facts(&standing.organization.path);
        let evaluation = self.mfa.evaluate_sign_in(&facts).await.map_err(pass_on)?;
        if evaluation.generation != standing.session.basis.generation {
            // The session is about to end, as soon as the change is heard of here.
            return Err(Reason::TokenInvalid.into());
        }
        let attempt = CodeAttempt {
            user: facts,
            code,
            attempt_id: AttemptId::generate(),
            basis: evaluation.basis(),
            purpose: Purpose::Session(bearer.session_id),
            client: origin.client.clone(),
        };
        let code = self.mfa.verify_code(&attempt).await.map_err(pass_on)?;
        let peer = origin.call.peer.clone();
        let proved = Proved {
            bearer,
            origin,
            user_version: standing.user.version,
            basis: attempt.basis,
            code,
            now: self.clock.now(),
        };
        let standing =
            self.store.unit("step_up", proved, |unit, proved| Box::pin(record(unit, proved))).await?;
        self.tokens.issue(&standing, &peer, &self.lifetimes).await
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
    let receipt = unit.record(events::session_stepped_up(&act, path, &session));
    Ok(receipt.with(Standing { session, user, organization }))
}

/// What the bearer may learn of mfa's refusal.
fn pass_on(fault: Fault) -> Fault {
    match fault.reason() {
        Reason::CodeRefused | Reason::FactorMissing => fault,
        _ => Fault::new(Reason::DependencyUnavailable).with_cause(fault),
    }
}
