//! Enrolling an authenticator within a sign-in: forwarded to mfa, which owns the secret.

use eventlog::request_record::sealed;
use fault::Outcome;
use keyring::digest::sha256_of;
use types::{OneTimeCode, Token};

use super::find_sign_in::Pending;
use super::refuse_sign_in::Cost;
use super::verify_mfa::LastStep;
use super::{Identity, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::opened::FinishedSignIn;
use crate::domain::sign_in::NextStep;
use crate::peers::mfa::{Confirmation, Enrolment, PendingSecret};
use crate::store::answers::read_sign_in;

/// The command to begin.
#[derive(Debug)]
pub struct BeginMfaEnrollment {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The ticket handed over by an administrator; empty when there is none.
    pub enrollment_ticket: Option<Token>,
    /// Where it comes from.
    pub origin: Origin,
}

/// The command to confirm.
#[derive(Debug)]
pub struct ConfirmMfaEnrollment {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The code as typed.
    pub code: OneTimeCode,
    /// Under which a refusal is kept. The recovery codes are mfa's to keep.
    pub key: Option<sealed::Key>,
    /// Where it comes from.
    pub origin: Origin,
}

/// The command to acknowledge.
#[derive(Debug)]
pub struct AcknowledgeMfaEnrollment {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// Under which the answer is kept, so that a lost one is given again.
    pub key: Option<sealed::Key>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Identity {
    /// Begins an enrolment. Asked again, a new secret replaces the old.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED; DEPENDENCY_UNAVAILABLE.
    pub async fn begin_mfa_enrollment(&self, command: BeginMfaEnrollment) -> Outcome<PendingSecret> {
        let found = self.look_up_sign_in(command.sign_in_token, command.origin).await?;
        let pending = self.may_take(found, NextStep::EnrollMfa).await?;
        let ticket = command.enrollment_ticket.as_ref().map_or("", Token::expose);
        match self.mfa.begin_enrollment(&enrolment(&pending), ticket).await {
            Ok(secret) => Ok(secret),
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing, None).await),
        }
    }

    /// Confirms an enrolment with a code; the recovery codes. Wrong codes cost the pending secret, not the sign-in. A repeated
    /// call is the same attempt for mfa, which gives the same codes again, and to nobody without the sign-in token.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_NOT_FOUND; REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE.
    pub async fn confirm_mfa_enrollment(&self, command: ConfirmMfaEnrollment) -> Outcome<Vec<String>> {
        let ConfirmMfaEnrollment { sign_in_token, code, key, origin } = command;
        let replay_key = origin.request_id.and(sign_in_token.as_ref()).map(replay_key);
        let found = self.look_up_sign_in(sign_in_token, origin).await?;
        // Only refusals are kept here.
        if let Some(answer) = self.sign_in_answered(&found, key.as_ref()).await? {
            read_sign_in(&answer)?;
        }
        let pending = self.may_take(found, NextStep::EnrollMfa).await?;
        let (scope, request_id) = (pending.sign_in.id.uuid(), pending.origin.request_id);
        let confirmation = Confirmation {
            attempt_id: self.attempt_id(scope, request_id, code.expose()),
            code,
            replay_key: replay_key.unwrap_or_default(),
        };
        match self.mfa.confirm_enrollment(&enrolment(&pending), &confirmation).await {
            Ok(recovery_codes) => Ok(recovery_codes),
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing, key).await),
        }
    }

    /// Activates the factor and opens the session, on the generation that the new factor made, or leads to a new password.
    /// Of several acknowledgements at once one opens it.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED; REQUEST_ID_REUSED;
    /// DEPENDENCY_UNAVAILABLE. The factor may be active when this fails: acknowledge again, or sign in with a code.
    pub async fn acknowledge_mfa_enrollment(
        &self,
        command: AcknowledgeMfaEnrollment,
    ) -> Outcome<FinishedSignIn> {
        let AcknowledgeMfaEnrollment { sign_in_token, key, origin } = command;
        let found = self.look_up_sign_in(sign_in_token, origin).await?;
        if let Some(answer) = self.sign_in_answered(&found, key.as_ref()).await? {
            return read_sign_in(&answer);
        }
        let pending = self.may_acknowledge(found).await?;
        match self.mfa.acknowledge_enrollment(&enrolment(&pending)).await {
            Ok(factor) => {
                let passage = Passage::by_enrollment(pending.sign_in.basis.clone(), factor);
                let step = LastStep { pending, passage, recovery_codes_left: 0, key };
                read_sign_in(&self.finish_sign_in(step).await?)
            }
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing, key).await),
        }
    }
}

/// What only who holds the sign-in token can make: mfa seals the recovery codes of a confirmation under it.
fn replay_key(token: &Token) -> Vec<u8> {
    sha256_of(&[b"countersign confirm enrolment", token.expose().as_bytes()]).to_vec()
}

fn enrolment(pending: &Pending) -> Enrolment {
    Enrolment {
        user: pending.facts.clone(),
        sign_in_id: pending.sign_in.id,
        basis: pending.sign_in.basis.clone(),
        client: pending.sign_in.client.clone(),
    }
}
