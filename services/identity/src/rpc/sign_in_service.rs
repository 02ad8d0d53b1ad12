//! `countersign.identity.v1.SignInService`

use ::rpc::respond;
use fault::Fault;
use proto::identity::sign_in_service_server::SignInService;
use proto::identity::{
    AcceptInvitationRequest, AcceptInvitationResponse, AcknowledgeMfaEnrollmentRequest,
    AcknowledgeMfaEnrollmentResponse, AssertExternalSignInRequest, AssertExternalSignInResponse,
    BeginMfaEnrollmentRequest, BeginMfaEnrollmentResponse, ConfirmMfaEnrollmentRequest,
    ConfirmMfaEnrollmentResponse, NextStep as WireNextStep, ReplacePasswordRequest, ReplacePasswordResponse,
    StartSignInRequest, StartSignInResponse, VerifyMfaRequest, VerifyMfaResponse, VerifyRecoveryCodeRequest,
    VerifyRecoveryCodeResponse,
};
use tonic::{Request, Response, Status};
use wire::timestamp_to_wire;

use super::fields::{origin, password, session, token};
use super::sign_in_requests as requests;
use crate::domain::sign_in::NextStep;
use crate::ops::{
    AcceptInvitation, BeginMfaEnrollment, FinishedSignIn, Identity, PresentedTicket, RecoveredSignIn,
    StartedSignIn,
};
use crate::peers::mfa::PendingSecret;

/// The service.
#[derive(Clone)]
pub struct SignIns(pub Identity);

#[tonic::async_trait]
impl SignInService for SignIns {
    async fn start_sign_in(
        &self,
        request: Request<StartSignInRequest>,
    ) -> Result<Response<StartSignInResponse>, Status> {
        let work = async || Ok(started(self.0.start_sign_in(requests::start(request)?).await?));
        respond(work().await)
    }

    async fn verify_mfa(
        &self,
        request: Request<VerifyMfaRequest>,
    ) -> Result<Response<VerifyMfaResponse>, Status> {
        let work = async || {
            let (session, next_step) =
                finished(&self.0.verify_mfa(requests::verify_mfa(&self.0, &request)?).await?);
            Ok(VerifyMfaResponse { session, next_step })
        };
        respond(work().await)
    }

    async fn begin_mfa_enrollment(
        &self,
        request: Request<BeginMfaEnrollmentRequest>,
    ) -> Result<Response<BeginMfaEnrollmentResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let ticket = match message.enrollment_ticket.trim() {
                "" => PresentedTicket::Absent,
                text => text.parse().map_or(PresentedTicket::Malformed, PresentedTicket::Token),
            };
            let command = BeginMfaEnrollment {
                sign_in_token: token("sign_in_token", &message.sign_in_token)?,
                enrollment_ticket: ticket,
                origin: origin(&request, None, "")?,
            };
            Ok(begun(self.0.begin_mfa_enrollment(command).await?))
        };
        respond(work().await)
    }

    async fn confirm_mfa_enrollment(
        &self,
        request: Request<ConfirmMfaEnrollmentRequest>,
    ) -> Result<Response<ConfirmMfaEnrollmentResponse>, Status> {
        let work = async || {
            let command = requests::confirm(&self.0, &request)?;
            let recovery_codes = self.0.confirm_mfa_enrollment(command).await?;
            Ok(ConfirmMfaEnrollmentResponse { recovery_codes })
        };
        respond(work().await)
    }

    async fn acknowledge_mfa_enrollment(
        &self,
        request: Request<AcknowledgeMfaEnrollmentRequest>,
    ) -> Result<Response<AcknowledgeMfaEnrollmentResponse>, Status> {
        let work = async || {
            let command = requests::acknowledge(&self.0, &request)?;
            let (session, next_step) = finished(&self.0.acknowledge_mfa_enrollment(command).await?);
            Ok(AcknowledgeMfaEnrollmentResponse { session, next_step })
        };
        respond(work().await)
    }

    async fn accept_invitation(
        &self,
        request: Request<AcceptInvitationRequest>,
    ) -> Result<Response<AcceptInvitationResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let chosen = password("password", &message.password)?;
            let command = AcceptInvitation {
                invitation: token("invitation", &message.invitation)?,
                password: chosen.ok_or_else(|| Fault::field("password", "is required"))?,
                origin: origin(&request, None, "")?,
            };
            Ok(AcceptInvitationResponse { login: self.0.accept_invitation(command).await?.to_string() })
        };
        respond(work().await)
    }

    async fn assert_external_sign_in(
        &self,
        request: Request<AssertExternalSignInRequest>,
    ) -> Result<Response<AssertExternalSignInResponse>, Status> {
        let work = async || {
            self.0.must_be_broker(&rpc::call_info(&request).peer)?;
            let opened = self.0.assert_external_sign_in(requests::assertion(&request)?).await?;
            Ok(AssertExternalSignInResponse { session: Some(session(&opened)) })
        };
        respond(work().await)
    }

    async fn verify_recovery_code(
        &self,
        request: Request<VerifyRecoveryCodeRequest>,
    ) -> Result<Response<VerifyRecoveryCodeResponse>, Status> {
        let work = async || {
            let command = requests::verify_recovery_code(&self.0, &request)?;
            let RecoveredSignIn { finished: led_to, recovery_codes_left } =
                self.0.verify_recovery_code(command).await?;
            let (session, next_step) = finished(&led_to);
            Ok(VerifyRecoveryCodeResponse { session, next_step, recovery_codes_left })
        };
        respond(work().await)
    }

    async fn replace_password(
        &self,
        request: Request<ReplacePasswordRequest>,
    ) -> Result<Response<ReplacePasswordResponse>, Status> {
        let work = async || {
            let opened = self.0.replace_password(requests::replace_password(&self.0, &request)?).await?;
            Ok(ReplacePasswordResponse { session: Some(session(&opened)) })
        };
        respond(work().await)
    }
}

fn started(started: StartedSignIn) -> StartSignInResponse {
    match started {
        StartedSignIn::Complete { session: opened, mfa_required_from } => StartSignInResponse {
            next_step: WireNextStep::Complete.into(),
            session: Some(session(&opened)),
            mfa_required_from: mfa_required_from.map(timestamp_to_wire),
            ..StartSignInResponse::default()
        },
        StartedSignIn::Next { token, expire_time, step, mfa_required_from } => {
            let next_step = match step {
                NextStep::VerifyMfa => WireNextStep::VerifyMfa,
                NextStep::EnrollMfa => WireNextStep::EnrollMfa,
                NextStep::ChangePassword => WireNextStep::ChangePassword,
            };
            StartSignInResponse {
                sign_in_token: token.expose().to_owned(),
                expire_time: Some(timestamp_to_wire(expire_time)),
                next_step: next_step.into(),
                session: None,
                mfa_required_from: mfa_required_from.map(timestamp_to_wire),
            }
        }
    }
}

/// The session, where there is one, and what is next.
fn finished(finished: &FinishedSignIn) -> (Option<proto::identity::Session>, i32) {
    match finished {
        FinishedSignIn::Complete(opened) => (Some(session(opened)), WireNextStep::Complete.into()),
        FinishedSignIn::ChangePassword => (None, WireNextStep::ChangePassword.into()),
    }
}

fn begun(secret: PendingSecret) -> BeginMfaEnrollmentResponse {
    let PendingSecret { otpauth_uri, secret_base32, qr_png, qr_svg, qr_text, expire_time } = secret;
    BeginMfaEnrollmentResponse {
        otpauth_uri,
        secret_base32,
        qr_png,
        qr_svg,
        qr_text,
        expire_time: Some(timestamp_to_wire(expire_time)),
    }
}
