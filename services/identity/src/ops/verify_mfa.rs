//! Finishing a sign-in with a code.

use eventlog::request_record::sealed;
use fault::{Fault, Outcome, Reason};
use types::{OneTimeCode, Token};

use super::find_sign_in::Pending;
use super::open_session::{Opening, Source};
use super::refuse_sign_in::Cost;
use super::to_the_end::to_the_end;
use super::{Identity, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::opened::FinishedSignIn;
use crate::domain::sign_in::{NextStep, Refusal};
use crate::peers::mfa::{CodeAttempt, Purpose};
use crate::store::answers::{SignInAnswer, read_sign_in};

/// The command.
#[derive(Debug)]
pub struct VerifyMfa {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The code as typed.
    pub code: OneTimeCode,
    /// Under which the answer is kept, so that a lost one is given again.
    pub key: Option<sealed::Key>,
    /// Where it comes from; the client is the sign-in's.
    pub origin: Origin,
}

/// The second factor of a sign-in, proved.
pub(super) struct LastStep {
    pub(super) pending: Pending,
    pub(super) passage: Passage,
    /// For the answer alone.
    pub(super) recovery_codes_left: i32,
    /// Under which the answer is kept.
    pub(super) key: Option<sealed::Key>,
}

impl Identity {
    /// Checks a code and opens the session, or leads to a new password.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED, whatever was wrong (recorded); REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE, never a session.
    pub async fn verify_mfa(&self, command: VerifyMfa) -> Outcome<FinishedSignIn> {
        let VerifyMfa { sign_in_token, code, key, origin } = command;
        let found = self.look_up_sign_in(sign_in_token, origin).await?;
        if let Some(answer) = self.sign_in_answered(&found, key.as_ref()).await? {
            return read_sign_in(&answer);
        }
        let pending = self.may_take(found, NextStep::VerifyMfa).await?;
        let identity = self.clone();
        read_sign_in(&to_the_end(async move { identity.try_code(pending, code, key).await }).await?)
    }

    async fn try_code(
        &self,
        pending: Pending,
        code: OneTimeCode,
        key: Option<sealed::Key>,
    ) -> Outcome<SignInAnswer> {
        let sign_in = &pending.sign_in;
        let attempt = CodeAttempt {
            user: pending.facts.clone(),
            attempt_id: self.attempt_id(sign_in.id.uuid(), pending.origin.request_id, code.expose()),
            code,
            basis: sign_in.basis.clone(),
            purpose: Purpose::SignIn(sign_in.id),
            client: sign_in.client.clone(),
        };
        match self.mfa.verify_code(&attempt).await {
            Ok(code) => {
                let passage = Passage::by_code(attempt.basis, code);
                self.finish_sign_in(LastStep { pending, passage, recovery_codes_left: 0, key }).await
            }
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::OneCode, key).await),
        }
    }

    /// Opens the session of a sign-in whose last step is done, or leaves it waiting for a new password.
    ///
    /// # Errors
    /// As [`Self::open_session`].
    pub(super) async fn finish_sign_in(&self, step: LastStep) -> Outcome<SignInAnswer> {
        let LastStep { pending: Pending { sign_in, facts, origin }, passage, recovery_codes_left, key } =
            step;
        let opening = Opening {
            origin,
            path: facts.path,
            user_id: facts.id,
            source: Source::SignIn { id: sign_in.id, step: sign_in.next_step },
            passage,
            recovery_codes_left,
            key,
        };
        Ok(self.open_session(opening).await?.answer)
    }

    /// What a refusal of mfa means for the sign-in, recorded; the fault to answer. Refusals that tell an honest caller
    /// what to do, and tell a stranger nothing they could use, are passed on.
    pub(super) async fn refused_by_mfa(
        &self,
        pending: Pending,
        fault: Fault,
        wrong_code: Cost,
        key: Option<sealed::Key>,
    ) -> Fault {
        if rpc::is_only_counted(&fault) && wrong_code == Cost::OneCode {
            // An attempt against a lock that is on mfa's log: no service's log grows with it.
            return self.count_locked_code(pending.sign_in).await;
        }
        let (refusal, cost) = match fault.reason() {
            Reason::CodeRefused => (Refusal::CodeRefused, wrong_code),
            Reason::GenerationOutdated | Reason::FactorMissing | Reason::FactorExists => {
                (Refusal::Outdated, Cost::Life)
            }
            Reason::EnrollmentNotFound
            | Reason::EnrollmentNotConfirmed
            | Reason::EnrollmentTicketRequired
            | Reason::EnrollmentTicketRefused => return self.refuse_enrollment(pending, fault).await,
            Reason::DependencyUnavailable | Reason::RequestIdReused => return fault,
            _ => return Fault::new(Reason::DependencyUnavailable).with_cause(fault),
        };
        let Pending { sign_in, facts, origin } = pending;
        self.refuse_step_once(&origin, facts.path, sign_in, (refusal, cost), key).await
    }
}
