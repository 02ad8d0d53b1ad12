//! Enrolling an authenticator within a sign-in: forwarded to mfa, which owns the secret.

use fault::Outcome;
use types::{AttemptId, OneTimeCode, Token};

use super::refuse_sign_in::Cost;
use super::verify_mfa::Pending;
use super::{Identity, OpenedSession, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::sign_in::NextStep;
use crate::peers::mfa::{Enrolment, PendingSecret};

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
    /// Where it comes from.
    pub origin: Origin,
}

/// The command to acknowledge.
#[derive(Debug)]
pub struct AcknowledgeMfaEnrollment {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Identity {
    /// Begins an enrolment. Asked again, a new secret replaces the old.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED; DEPENDENCY_UNAVAILABLE.
    pub async fn begin_mfa_enrollment(&self, command: BeginMfaEnrollment) -> Outcome<PendingSecret> {
        let pending = self.find_sign_in(command.sign_in_token, NextStep::EnrollMfa, command.origin).await?;
        let ticket = command.enrollment_ticket.as_ref().map_or("", Token::expose);
        match self.mfa.begin_enrollment(&enrolment(&pending), ticket).await {
            Ok(secret) => Ok(secret),
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing).await),
        }
    }

    /// Confirms an enrolment with a code; the recovery codes. Wrong codes cost the pending secret, not the sign-in.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub async fn confirm_mfa_enrollment(&self, command: ConfirmMfaEnrollment) -> Outcome<Vec<String>> {
        let pending = self.find_sign_in(command.sign_in_token, NextStep::EnrollMfa, command.origin).await?;
        let attempt_id = AttemptId::generate();
        match self.mfa.confirm_enrollment(&enrolment(&pending), &command.code, attempt_id).await {
            Ok(recovery_codes) => Ok(recovery_codes),
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing).await),
        }
    }

    /// Activates the factor and opens the session, on the generation that the new factor made.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded), ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED; DEPENDENCY_UNAVAILABLE. The factor may
    /// be active when this fails: the next sign-in asks for a code then.
    pub async fn acknowledge_mfa_enrollment(
        &self,
        command: AcknowledgeMfaEnrollment,
    ) -> Outcome<OpenedSession> {
        let pending = self.find_sign_in(command.sign_in_token, NextStep::EnrollMfa, command.origin).await?;
        match self.mfa.acknowledge_enrollment(&enrolment(&pending)).await {
            Ok(factor) => {
                let passage = Passage::by_enrollment(pending.sign_in.basis.clone(), factor);
                self.finish_sign_in(pending, passage).await
            }
            Err(fault) => Err(self.refused_by_mfa(pending, fault, Cost::Nothing).await),
        }
    }
}

fn enrolment(pending: &Pending) -> Enrolment {
    Enrolment {
        user: pending.facts.clone(),
        sign_in_id: pending.sign_in.id,
        basis: pending.sign_in.basis.clone(),
        client: pending.sign_in.client.clone(),
    }
}
