//! Finishing a sign-in with a recovery code, when the authenticator is lost.

use eventlog::request_record::sealed;
use fault::Outcome;
use types::{RecoveryCode, Token};

use super::find_sign_in::Pending;
use super::refuse_sign_in::Cost;
use super::to_the_end::to_the_end;
use super::verify_mfa::LastStep;
use super::{Identity, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::opened::FinishedSignIn;
use crate::domain::sign_in::NextStep;
use crate::peers::mfa::RecoveryAttempt;
use crate::store::answers::{SignInAnswer, read_sign_in};

/// The command.
#[derive(Debug)]
pub struct VerifyRecoveryCode {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The recovery code as typed.
    pub recovery_code: RecoveryCode,
    /// Under which the answer is kept, so that a lost one is given again.
    pub key: Option<sealed::Key>,
    /// Where it comes from; the client is the sign-in's.
    pub origin: Origin,
}

/// A sign-in finished by a recovery code.
#[derive(Debug)]
pub struct RecoveredSignIn {
    /// What it led to.
    pub finished: FinishedSignIn,
    /// How many recovery codes the user has left.
    pub recovery_codes_left: i32,
}

impl Identity {
    /// Checks and spends a recovery code, and opens the session or leads to a new password.
    ///
    /// # Errors
    /// As [`Self::verify_mfa`].
    pub async fn verify_recovery_code(&self, command: VerifyRecoveryCode) -> Outcome<RecoveredSignIn> {
        let VerifyRecoveryCode { sign_in_token, recovery_code, key, origin } = command;
        let found = self.look_up_sign_in(sign_in_token, origin).await?;
        if let Some(answer) = self.sign_in_answered(&found, key.as_ref()).await? {
            return recovered(&answer);
        }
        let pending = self.may_take(found, NextStep::VerifyMfa).await?;
        let identity = self.clone();
        let work = async move { identity.try_recovery_code(pending, recovery_code, key).await };
        recovered(&to_the_end(work).await?)
    }

    async fn try_recovery_code(
        &self,
        pending: Pending,
        recovery_code: RecoveryCode,
        key: Option<sealed::Key>,
    ) -> Outcome<SignInAnswer> {
        let sign_in = &pending.sign_in;
        let attempt = RecoveryAttempt {
            user: pending.facts.clone(),
            attempt_id: self.attempt_id(sign_in.id.uuid(), pending.origin.request_id, recovery_code.expose()),
            recovery_code,
            basis: sign_in.basis.clone(),
            sign_in_id: sign_in.id,
            client: sign_in.client.clone(),
        };
        match self.mfa.verify_recovery_code(&attempt).await {
            Ok(code) => {
                let recovery_codes_left = code.left;
                let passage = Passage::by_recovery_code(attempt.basis, code);
                self.finish_sign_in(LastStep { pending, passage, recovery_codes_left, key }).await
            }
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::OneCode, key).await),
        }
    }
}

fn recovered(answer: &SignInAnswer) -> Outcome<RecoveredSignIn> {
    Ok(RecoveredSignIn { finished: read_sign_in(answer)?, recovery_codes_left: answer.recovery_codes_left })
}
