//! Answers as they are kept for a repetition of the request. Some hold a secret: they are kept sealed, and do not print.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest;
use types::{EnrollmentId, RecoveryCode, RecoverySetId, Token, TokenHash};
use wire::timestamp_to_wire;
use zeroize::Zeroize;

use crate::domain::TimeStep;

/// What a mutation was answered: a refusal that counted, or what it made.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct Answer {
    /// Why it was refused; empty when it was not.
    #[prost(string, tag = "1")]
    refused: String,
    #[prost(string, tag = "2")]
    ticket: String,
    #[prost(message, optional, tag = "3")]
    expire_time: Option<prost_types::Timestamp>,
    #[prost(string, repeated, tag = "4")]
    recovery_codes: Vec<String>,
    /// Of recovery codes that are good: their set.
    #[prost(string, tag = "5")]
    recovery_set_id: String,
    /// Of recovery codes that become good with a factor: their enrolment, and the time step that proved it.
    #[prost(string, tag = "6")]
    enrollment_id: String,
    #[prost(int64, tag = "7")]
    step: i64,
}

/// What an answer handed out, as it is known in rows: others may have replaced it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandedOut {
    /// Nothing that could be replaced.
    Nothing,
    /// A ticket.
    Ticket(TokenHash),
    /// The recovery codes of a factor.
    RecoverySet(RecoverySetId),
    /// The recovery codes of an enrolment, shown when a code of this time step proved it.
    PendingCodes(EnrollmentId, TimeStep),
}

impl Answer {
    /// That it was done, and there is nothing to hand out.
    pub(crate) fn done() -> Self {
        Self::default()
    }

    /// A refusal that left its event and its count.
    pub(crate) fn refused(reason: Reason) -> Self {
        let mut answer = Self::default();
        reason.as_str().clone_into(&mut answer.refused);
        answer
    }

    /// A ticket.
    pub(crate) fn ticket(ticket: &Token, expire_time: Timestamp) -> Self {
        let mut answer = Self::default();
        ticket.expose().clone_into(&mut answer.ticket);
        answer.expire_time = Some(timestamp_to_wire(expire_time));
        answer
    }

    /// The recovery codes of a set.
    pub(crate) fn recovery_codes(codes: &[RecoveryCode], set: RecoverySetId) -> Self {
        let mut answer = Self::of_codes(codes);
        answer.recovery_set_id = set.to_string();
        answer
    }

    /// The recovery codes of an enrolment that a code of this time step proved.
    pub(crate) fn pending_codes(codes: &[RecoveryCode], enrollment: EnrollmentId, step: TimeStep) -> Self {
        let mut answer = Self::of_codes(codes);
        answer.enrollment_id = enrollment.to_string();
        answer.step = step.0;
        answer
    }

    fn of_codes(codes: &[RecoveryCode]) -> Self {
        let mut answer = Self::default();
        answer.recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
        answer
    }

    /// Why it was refused, when it was.
    ///
    /// # Errors
    /// CORRUPT: it is no answer that this made.
    pub(crate) fn refusal(&self) -> Outcome<Option<Reason>> {
        if self.refused.is_empty() {
            return Ok(None);
        }
        Reason::parse(&self.refused).map(Some).ok_or_else(corrupt)
    }

    /// The ticket, and until when it is good.
    ///
    /// # Errors
    /// As [`Self::refusal`].
    pub(crate) fn read_ticket(&self) -> Outcome<(Token, Timestamp)> {
        let ticket = self.ticket.parse().map_err(|_| corrupt())?;
        let at = self.expire_time.as_ref().ok_or_else(corrupt)?;
        Ok((ticket, wire::timestamp("expire_time", at).map_err(|_| corrupt())?))
    }

    /// What was handed out.
    ///
    /// # Errors
    /// As [`Self::refusal`].
    pub(crate) fn handed_out(&self) -> Outcome<HandedOut> {
        if !self.ticket.is_empty() {
            let ticket: Token = self.ticket.parse().map_err(|_| corrupt())?;
            return Ok(HandedOut::Ticket(digest::token_hash(&ticket)));
        }
        if !self.enrollment_id.is_empty() {
            let id = self.enrollment_id.parse().map_err(|_| corrupt())?;
            return Ok(HandedOut::PendingCodes(id, TimeStep(self.step)));
        }
        if self.recovery_codes.is_empty() {
            return Ok(HandedOut::Nothing);
        }
        self.recovery_set_id.parse().map(HandedOut::RecoverySet).map_err(|_| corrupt())
    }

    /// The recovery codes.
    ///
    /// # Errors
    /// As [`Self::refusal`].
    pub(crate) fn read_recovery_codes(&self) -> Outcome<Vec<RecoveryCode>> {
        self.recovery_codes.iter().map(|code| code.parse().map_err(|_| corrupt())).collect()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.ticket.zeroize();
        self.recovery_codes.zeroize();
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Answer(hidden)")
    }
}

fn corrupt() -> Fault {
    Fault::new(Reason::Corrupt)
}
