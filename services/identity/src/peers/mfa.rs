//! Asking mfa about the second factor.

use std::fmt;

use async_trait::async_trait;
use fault::{Fault, Outcome};
use proto::mfa::verification_service_client::VerificationServiceClient;
use proto::mfa::{
    AcknowledgeSignInEnrollmentRequest, BeginSignInEnrollmentRequest, ConfirmSignInEnrollmentRequest,
    Demand as WireDemand, EvaluateSignInRequest, IssueBootstrapTicketRequest, VerifyCodeRequest,
    VerifyRecoveryCodeRequest,
};
use rpc::{PeerChannel, fault_from_status};
use types::{AttemptId, OneTimeCode, RecoveryCode, SessionId, SignInId};
use wire::{Client, PolicyVersion, UserFacts};

use super::tenant::unreadable;
use crate::domain::Timestamp;
use crate::domain::evaluation::{
    Basis, Demand, EnrolledFactor, Evaluation, VerifiedCode, VerifiedRecoveryCode,
};

/// mfa, as identity sees it.
///
/// Every answer but an evaluation is about one [`Basis`]; mfa refuses with GENERATION_OUTDATED what is based on another
/// than the present one.
#[async_trait]
pub trait Mfa: Send + Sync {
    /// What the second factor demands of a user now.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    async fn evaluate_sign_in(&self, user: &UserFacts) -> Outcome<Evaluation>;

    /// Checks a code. It counts whatever becomes of the call; it is accepted once.
    ///
    /// # Errors
    /// CODE_REFUSED, GENERATION_OUTDATED, FACTOR_MISSING; DEPENDENCY_UNAVAILABLE.
    async fn verify_code(&self, attempt: &CodeAttempt) -> Outcome<VerifiedCode>;

    /// Checks a recovery code and spends it. It counts whatever becomes of the call, apart from codes.
    ///
    /// # Errors
    /// CODE_REFUSED, GENERATION_OUTDATED, FACTOR_MISSING; DEPENDENCY_UNAVAILABLE.
    async fn verify_recovery_code(&self, attempt: &RecoveryAttempt) -> Outcome<VerifiedRecoveryCode>;

    /// Begins an enrolment that belongs to one sign-in.
    ///
    /// # Errors
    /// FACTOR_EXISTS, GENERATION_OUTDATED, ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED; DEPENDENCY_UNAVAILABLE.
    async fn begin_enrollment(&self, enrolment: &Enrolment, ticket: &str) -> Outcome<PendingSecret>;

    /// Confirms an enrolment with a code; the recovery codes.
    ///
    /// # Errors
    /// CODE_REFUSED, ENROLLMENT_NOT_FOUND, GENERATION_OUTDATED; DEPENDENCY_UNAVAILABLE.
    async fn confirm_enrollment(
        &self,
        enrolment: &Enrolment,
        confirmation: &Confirmation,
    ) -> Outcome<Vec<String>>;

    /// Activates a confirmed enrolment.
    ///
    /// # Errors
    /// ENROLLMENT_NOT_FOUND, ENROLLMENT_NOT_CONFIRMED, GENERATION_OUTDATED; DEPENDENCY_UNAVAILABLE.
    async fn acknowledge_enrollment(&self, enrolment: &Enrolment) -> Outcome<EnrolledFactor>;

    /// Issues the first administrator's enrolment ticket; an earlier one is worth nothing then.
    ///
    /// # Errors
    /// ALREADY_BOOTSTRAPPED when the user has a factor; DEPENDENCY_UNAVAILABLE.
    async fn issue_bootstrap_ticket(&self, user: &UserFacts) -> Outcome<EnrollmentTicket>;
}

/// What a code is given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To finish a sign-in.
    SignIn(SignInId),
    /// To prove the factor again in a session.
    Session(SessionId),
}

/// One attempt at a code.
#[derive(Debug, Clone)]
pub struct CodeAttempt {
    /// Whose factor.
    pub user: UserFacts,
    /// The code.
    pub code: OneTimeCode,
    /// The attempt; its success replays only into the same purpose.
    pub attempt_id: AttemptId,
    /// What it is based on.
    pub basis: Basis,
    /// What it is for.
    pub purpose: Purpose,
    /// Where the person's call comes from.
    pub client: Client,
}

/// One attempt at a recovery code, to finish a sign-in.
#[derive(Debug, Clone)]
pub struct RecoveryAttempt {
    /// Whose.
    pub user: UserFacts,
    /// The recovery code.
    pub recovery_code: RecoveryCode,
    /// The attempt; its success replays only into the same sign-in.
    pub attempt_id: AttemptId,
    /// What it is based on.
    pub basis: Basis,
    /// The sign-in.
    pub sign_in_id: SignInId,
    /// Where the person's call comes from.
    pub client: Client,
}

/// The code that confirms an enrolment. Does not print.
pub struct Confirmation {
    /// The code.
    pub code: OneTimeCode,
    /// The attempt; its answer replays only into the same sign-in, for who brings the same key.
    pub attempt_id: AttemptId,
    /// What mfa seals the recovery codes under for a retry; empty: they are not kept.
    pub replay_key: Vec<u8>,
}

/// The enrolment of one sign-in.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Who enrols.
    pub user: UserFacts,
    /// The sign-in it belongs to.
    pub sign_in_id: SignInId,
    /// What the sign-in was decided on.
    pub basis: Basis,
    /// Where the person's call comes from.
    pub client: Client,
}

/// A pending secret in all forms it is shown in, once. Does not print.
pub struct PendingSecret {
    /// `otpauth://totp/…`
    pub otpauth_uri: String,
    /// For typing.
    pub secret_base32: String,
    /// A QR code as PNG.
    pub qr_png: Vec<u8>,
    /// A QR code as SVG.
    pub qr_svg: String,
    /// A QR code for a terminal.
    pub qr_text: String,
    /// When it dies.
    pub expire_time: Timestamp,
}

/// A one-time enrolment ticket. Does not print.
pub struct EnrollmentTicket {
    /// The ticket.
    pub ticket: String,
    /// When it dies.
    pub expire_time: Timestamp,
}

impl fmt::Debug for PendingSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PendingSecret(hidden)")
    }
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Confirmation").field("attempt_id", &self.attempt_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for EnrollmentTicket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EnrollmentTicket(hidden)")
    }
}

/// mfa over gRPC.
#[derive(Debug, Clone)]
pub struct RemoteMfa {
    channel: PeerChannel,
}

impl RemoteMfa {
    /// mfa at the other end of a channel.
    #[must_use]
    pub fn new(channel: PeerChannel) -> Self {
        Self { channel }
    }

    fn client(&self) -> VerificationServiceClient<PeerChannel> {
        VerificationServiceClient::new(self.channel.clone())
    }
}

#[async_trait]
impl Mfa for RemoteMfa {
    async fn evaluate_sign_in(&self, user: &UserFacts) -> Outcome<Evaluation> {
        let request = EvaluateSignInRequest { user: Some(user.to_wire()) };
        let answer = self.client().evaluate_sign_in(request).await.map_err(fault_from_status)?.into_inner();
        let demand = match answer.demand() {
            WireDemand::None => Demand::None,
            WireDemand::Verify => Demand::Verify,
            WireDemand::Enroll => Demand::Enroll,
            // Absent and unknown values never mean "off".
            WireDemand::Unspecified => return Err(unreadable("mfa answered with an unknown demand")),
        };
        if demand == Demand::None && answer.enforced {
            return Err(unreadable("mfa enforces and demands nothing"));
        }
        Ok(Evaluation {
            demand,
            enforced: answer.enforced,
            generation: answer.generation,
            policy_version: PolicyVersion::parse(answer.policy_version.as_ref()),
            mfa_required_from: answer
                .mfa_required_from
                .map(|at| wire::timestamp("mfa_required_from", &at))
                .transpose()
                .map_err(unreadable)?,
        })
    }

    async fn verify_code(&self, attempt: &CodeAttempt) -> Outcome<VerifiedCode> {
        let (sign_in_id, session_id) = match attempt.purpose {
            Purpose::SignIn(id) => (id.to_string(), String::new()),
            Purpose::Session(id) => (String::new(), id.to_string()),
        };
        let request = VerifyCodeRequest {
            user: Some(attempt.user.to_wire()),
            code: attempt.code.expose().to_owned(),
            attempt_id: attempt.attempt_id.to_string(),
            generation: attempt.basis.generation,
            policy_version: Some(attempt.basis.policy_version.to_wire()),
            sign_in_id,
            session_id,
            client: Some(attempt.client.to_wire()),
        };
        let answer = self.client().verify_code(request).await.map_err(fault_from_status)?.into_inner();
        Ok(VerifiedCode { verify_time: required_time(answer.verify_time.as_ref())? })
    }

    async fn verify_recovery_code(&self, attempt: &RecoveryAttempt) -> Outcome<VerifiedRecoveryCode> {
        let request = VerifyRecoveryCodeRequest {
            user: Some(attempt.user.to_wire()),
            recovery_code: attempt.recovery_code.expose().to_owned(),
            attempt_id: attempt.attempt_id.to_string(),
            generation: attempt.basis.generation,
            policy_version: Some(attempt.basis.policy_version.to_wire()),
            sign_in_id: attempt.sign_in_id.to_string(),
            client: Some(attempt.client.to_wire()),
        };
        let answer =
            self.client().verify_recovery_code(request).await.map_err(fault_from_status)?.into_inner();
        let verify_time = required_time(answer.verify_time.as_ref())?;
        Ok(VerifiedRecoveryCode { verify_time, left: answer.recovery_codes_left })
    }

    async fn begin_enrollment(&self, enrolment: &Enrolment, ticket: &str) -> Outcome<PendingSecret> {
        let request = BeginSignInEnrollmentRequest {
            user: Some(enrolment.user.to_wire()),
            sign_in_id: enrolment.sign_in_id.to_string(),
            generation: enrolment.basis.generation,
            policy_version: Some(enrolment.basis.policy_version.to_wire()),
            enrollment_ticket: ticket.to_owned(),
            client: Some(enrolment.client.to_wire()),
        };
        let answer = self.client().begin_sign_in_enrollment(request).await;
        let answer = answer.map_err(fault_from_status)?.into_inner();
        Ok(PendingSecret {
            expire_time: required_time(answer.expire_time.as_ref())?,
            otpauth_uri: answer.otpauth_uri,
            secret_base32: answer.secret_base32,
            qr_png: answer.qr_png,
            qr_svg: answer.qr_svg,
            qr_text: answer.qr_text,
        })
    }

    async fn confirm_enrollment(
        &self,
        enrolment: &Enrolment,
        confirmation: &Confirmation,
    ) -> Outcome<Vec<String>> {
        let request = ConfirmSignInEnrollmentRequest {
            user: Some(enrolment.user.to_wire()),
            sign_in_id: enrolment.sign_in_id.to_string(),
            code: confirmation.code.expose().to_owned(),
            attempt_id: confirmation.attempt_id.to_string(),
            generation: enrolment.basis.generation,
            policy_version: Some(enrolment.basis.policy_version.to_wire()),
            replay_key: confirmation.replay_key.clone(),
            client: Some(enrolment.client.to_wire()),
        };
        let answer = self.client().confirm_sign_in_enrollment(request).await;
        Ok(answer.map_err(fault_from_status)?.into_inner().recovery_codes)
    }

    async fn acknowledge_enrollment(&self, enrolment: &Enrolment) -> Outcome<EnrolledFactor> {
        let request = AcknowledgeSignInEnrollmentRequest {
            user: Some(enrolment.user.to_wire()),
            sign_in_id: enrolment.sign_in_id.to_string(),
            generation: enrolment.basis.generation,
            policy_version: Some(enrolment.basis.policy_version.to_wire()),
            client: Some(enrolment.client.to_wire()),
        };
        let answer = self.client().acknowledge_sign_in_enrollment(request).await;
        let answer = answer.map_err(fault_from_status)?.into_inner();
        let verify_time = required_time(answer.verify_time.as_ref())?;
        Ok(EnrolledFactor { verify_time, generation: answer.generation })
    }

    async fn issue_bootstrap_ticket(&self, user: &UserFacts) -> Outcome<EnrollmentTicket> {
        let request = IssueBootstrapTicketRequest { user: Some(user.to_wire()) };
        let answer = self.client().issue_bootstrap_ticket(request).await;
        let answer = answer.map_err(fault_from_status)?.into_inner();
        let expire_time = required_time(answer.expire_time.as_ref())?;
        Ok(EnrollmentTicket { ticket: answer.enrollment_ticket, expire_time })
    }
}

fn required_time(wire: Option<&prost_types::Timestamp>) -> Result<Timestamp, Fault> {
    let wire = wire.ok_or_else(|| unreadable("mfa's answer lacks a time"))?;
    wire::timestamp("time", wire).map_err(unreadable)
}
