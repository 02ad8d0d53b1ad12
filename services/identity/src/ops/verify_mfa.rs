//! Finishing a sign-in with a code.

use fault::{Fault, Outcome, Reason};
use keyring::digest::token_hash;
use types::{AttemptId, AuthSource, OneTimeCode, Token};
use wire::UserFacts;

use super::open_session::{Opening, Source};
use super::refuse_sign_in::Cost;
use super::{Identity, OpenedSession, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::gate;
use crate::domain::sign_in::{NextStep, Refusal, SignIn};
use crate::peers::mfa::{CodeAttempt, Purpose};
use crate::store::sign_ins;

/// The command.
#[derive(Debug)]
pub struct VerifyMfa {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The code as typed.
    pub code: OneTimeCode,
    /// Where it comes from; the client is the sign-in's.
    pub origin: Origin,
}

/// A sign-in that may take its next step, and its user's facts as of now.
pub(super) struct Pending {
    pub(super) sign_in: SignIn,
    pub(super) facts: UserFacts,
    /// The call's origin with the sign-in's client.
    pub(super) origin: Origin,
}

impl Identity {
    /// Checks a code and opens the session.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED, whatever was wrong (recorded); DEPENDENCY_UNAVAILABLE, never a session.
    pub async fn verify_mfa(&self, command: VerifyMfa) -> Outcome<OpenedSession> {
        let pending = self.find_sign_in(command.sign_in_token, NextStep::VerifyMfa, command.origin).await?;
        let attempt = CodeAttempt {
            user: pending.facts.clone(),
            code: command.code,
            attempt_id: AttemptId::generate(),
            basis: pending.sign_in.basis.clone(),
            purpose: Purpose::SignIn(pending.sign_in.id),
            client: pending.sign_in.client.clone(),
        };
        match self.mfa.verify_code(&attempt).await {
            Ok(code) => {
                let passage = Passage::by_code(attempt.basis, code);
                self.finish_sign_in(pending, passage).await
            }
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::OneCode).await),
        }
    }

    /// The sign-in of a token, if it may take `step` now.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded, where the token is known); DEPENDENCY_UNAVAILABLE.
    pub(super) async fn find_sign_in(
        &self,
        token: Option<Token>,
        step: NextStep,
        mut origin: Origin,
    ) -> Outcome<Pending> {
        let Some(token) = token else { return Err(Reason::SignInRefused.into()) };
        let found = sign_ins::find_by_token(&self.store, token_hash(&token)).await?;
        let Some((sign_in, user, organization)) = found else { return Err(Reason::SignInRefused.into()) };
        let now = self.clock.now();
        origin.client = sign_in.client.clone();
        let is_as_it_was = sign_in.user_version == user.version
            && sign_in.basis.generation >= user.generation_floor
            && gate::standing(&user, organization.branch, AuthSource::Local).is_ok();
        if !sign_in.can_take(step, now) || !is_as_it_was {
            let cost = if is_as_it_was { Cost::Nothing } else { Cost::Life };
            let path = organization.path;
            return Err(self.refuse_step(&origin, path, sign_in, Refusal::Outdated, cost, now).await);
        }
        let facts = user.facts(&organization.path);
        Ok(Pending { sign_in, facts, origin })
    }

    /// Opens the session of a sign-in whose last step is done.
    pub(super) async fn finish_sign_in(&self, pending: Pending, passage: Passage) -> Outcome<OpenedSession> {
        let Pending { sign_in, facts, origin } = pending;
        self.open_session(Opening {
            origin,
            path: facts.path,
            user_id: facts.id,
            source: Source::SignIn(sign_in.id),
            passage,
        })
        .await
    }

    /// What a refusal of mfa means for the sign-in, recorded; the fault to answer. Refusals that tell an honest caller
    /// what to do, and tell a stranger nothing they could use, are passed on.
    pub(super) async fn refused_by_mfa(&self, pending: Pending, fault: Fault, wrong_code: Cost) -> Fault {
        let (refusal, cost) = match fault.reason() {
            Reason::CodeRefused => (Refusal::CodeRefused, wrong_code),
            Reason::GenerationOutdated | Reason::FactorMissing | Reason::FactorExists => {
                (Refusal::Outdated, Cost::Life)
            }
            Reason::EnrollmentNotFound
            | Reason::EnrollmentNotConfirmed
            | Reason::EnrollmentTicketRequired
            | Reason::EnrollmentTicketRefused
            | Reason::DependencyUnavailable => return fault,
            _ => return Fault::new(Reason::DependencyUnavailable).with_cause(fault),
        };
        let Pending { sign_in, facts, origin } = pending;
        self.refuse_step(&origin, facts.path, sign_in, refusal, cost, self.clock.now()).await
    }
}
