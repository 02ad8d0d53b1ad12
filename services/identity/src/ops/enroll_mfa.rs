//! Enrolling an authenticator within a sign-in: forwarded to mfa, which owns the secret.

use eventlog::request_record::sealed;
use fault::Outcome;
use keyring::digest::sha256_of;
use types::{OneTimeCode, Token};

use super::find_sign_in::Pending;
use super::refuse_sign_in::Cost;
use super::to_the_end::to_the_end;
use super::verify_mfa::LastStep;
use super::{Identity, Origin};
use crate::domain::enrollment_call::EnrollmentCall;
use crate::domain::evaluation::Passage;
use crate::domain::opened::FinishedSignIn;
use crate::domain::sign_in::NextStep;
use crate::peers::mfa::{Confirmation, Enrolment, PendingSecret};
use crate::store::answers::{SignInAnswer, read_sign_in};

/// In the place of a code where an attempt is named that is one with whatever code it comes.
const CONFIRMATION: &str = "confirmation";

/// The command to begin.
#[derive(Debug)]
pub struct BeginMfaEnrollment {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The ticket handed over by an administrator.
    pub enrollment_ticket: PresentedTicket,
    /// Where it comes from.
    pub origin: Origin,
}

/// A ticket as it was presented.
#[derive(Debug)]
pub enum PresentedTicket {
    /// None was.
    Absent,
    /// What was is none of ours by its form: refused like one that is unknown.
    Malformed,
    /// One was.
    Token(Token),
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
    /// SIGN_IN_REFUSED, also when it was begun too often; ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED (all
    /// recorded); DEPENDENCY_UNAVAILABLE.
    pub async fn begin_mfa_enrollment(&self, command: BeginMfaEnrollment) -> Outcome<PendingSecret> {
        let found = self.look_up_sign_in(command.sign_in_token, command.origin).await?;
        let pending = self.may_take(found, NextStep::EnrollMfa).await?;
        let (identity, ticket) = (self.clone(), command.enrollment_ticket);
        to_the_end(async move { identity.begin(pending, ticket).await }).await
    }

    async fn begin(&self, pending: Pending, ticket: PresentedTicket) -> Outcome<PendingSecret> {
        let pending = self.may_ask(pending, EnrollmentCall::Begin).await?;
        let ticket = match &ticket {
            PresentedTicket::Absent => "",
            PresentedTicket::Malformed => return Err(self.refuse_ticket(pending).await),
            PresentedTicket::Token(token) => token.expose(),
        };
        match self.mfa.begin_enrollment(&enrolment(&pending), ticket).await {
            Ok(secret) => Ok(secret),
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing, None).await),
        }
    }

    /// Confirms an enrolment with a code; the recovery codes. Wrong codes cost the pending secret, not the sign-in. A repeated
    /// call is the same attempt for mfa, which gives the same codes again, and to nobody without the sign-in token.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED, ENROLLMENT_NOT_FOUND (recorded); REQUEST_ID_REUSED, also after it succeeded with another code;
    /// DEPENDENCY_UNAVAILABLE.
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
            // Without the code: mfa, which keeps the answer, then knows the request again when it comes with another one.
            attempt_id: self.attempt_id(scope, request_id, CONFIRMATION),
            code,
            replay_key: replay_key.unwrap_or_default(),
        };
        let identity = self.clone();
        to_the_end(async move { identity.confirm(pending, confirmation, key).await }).await
    }

    async fn confirm(
        &self,
        pending: Pending,
        confirmation: Confirmation,
        key: Option<sealed::Key>,
    ) -> Outcome<Vec<String>> {
        let pending = self.may_ask(pending, EnrollmentCall::Prove).await?;
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
        let identity = self.clone();
        read_sign_in(&to_the_end(async move { identity.acknowledge(pending, key).await }).await?)
    }

    async fn acknowledge(&self, pending: Pending, key: Option<sealed::Key>) -> Outcome<SignInAnswer> {
        let pending = self.may_ask(pending, EnrollmentCall::Prove).await?;
        match self.mfa.acknowledge_enrollment(&enrolment(&pending)).await {
            Ok(factor) => {
                let passage = Passage::by_enrollment(pending.sign_in.basis.clone(), factor);
                self.finish_sign_in(LastStep { pending, passage, recovery_codes_left: 0, key }).await
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
