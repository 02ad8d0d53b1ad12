//! `VerificationService`: what identity asks during a sign-in.

use std::sync::Arc;

use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{
    AcknowledgeSignInEnrollmentRequest, AcknowledgeSignInEnrollmentResponse, BeginSignInEnrollmentRequest,
    BeginSignInEnrollmentResponse, ConfirmSignInEnrollmentRequest, ConfirmSignInEnrollmentResponse,
    EvaluateSignInRequest, EvaluateSignInResponse, IssueBootstrapTicketRequest, IssueBootstrapTicketResponse,
    VerifyCodeRequest, VerifyCodeResponse, VerifyRecoveryCodeRequest, VerifyRecoveryCodeResponse,
};
use rpc::{respond, respond_to_service};
use tonic::{Request, Response, Status};
use wire::{UserFacts, id, optional_id, timestamp_to_wire};

use super::{call, parse, render};
use crate::ops::{ConfirmSignInEnrollment, Mfa};

/// The handlers.
pub(crate) struct VerificationHandlers(pub(crate) Arc<Mfa>);

#[tonic::async_trait]
impl VerificationService for VerificationHandlers {
    async fn evaluate_sign_in(
        &self,
        request: Request<EvaluateSignInRequest>,
    ) -> Result<Response<EvaluateSignInResponse>, Status> {
        let answer = async {
            let user = UserFacts::parse(request.get_ref().user.as_ref())?;
            self.0.evaluate_sign_in(&user).await.map(|evaluation| render::evaluation(&evaluation))
        };
        respond(answer.await)
    }

    async fn verify_code(
        &self,
        request: Request<VerifyCodeRequest>,
    ) -> Result<Response<VerifyCodeResponse>, Status> {
        let answer = async {
            let wire = request.get_ref();
            let session = optional_id("session_id", &wire.session_id)?;
            let call = parse::sign_in_call(&request, wire.user.as_ref(), session, wire.client.as_ref())?;
            let verified = self.0.verify_code(call, parse::verify(wire)?).await?;
            Ok(VerifyCodeResponse {
                factor_id: verified.factor_id.to_string(),
                verify_time: Some(timestamp_to_wire(verified.verify_time)),
            })
        };
        respond_to_service(answer.await)
    }

    async fn begin_sign_in_enrollment(
        &self,
        request: Request<BeginSignInEnrollmentRequest>,
    ) -> Result<Response<BeginSignInEnrollmentResponse>, Status> {
        let answer = async {
            let wire = request.get_ref();
            let call = parse::sign_in_call(&request, wire.user.as_ref(), None, wire.client.as_ref())?;
            let sign_in = id("sign_in_id", &wire.sign_in_id)?;
            let seen = parse::seen(wire.generation, wire.policy_version.as_ref());
            let ticket = parse::ticket(&wire.enrollment_ticket);
            let shown = self.0.begin_sign_in_enrollment(call, sign_in, seen, ticket).await;
            shown.map(render::begun_at_sign_in)
        };
        respond(answer.await)
    }

    async fn confirm_sign_in_enrollment(
        &self,
        request: Request<ConfirmSignInEnrollmentRequest>,
    ) -> Result<Response<ConfirmSignInEnrollmentResponse>, Status> {
        let answer = async {
            let wire = request.get_ref();
            let call = parse::sign_in_call(&request, wire.user.as_ref(), None, wire.client.as_ref())?;
            let sign_in = id("sign_in_id", &wire.sign_in_id)?;
            let attempt_id = id("attempt_id", &wire.attempt_id)?;
            let command = ConfirmSignInEnrollment {
                sign_in_id: sign_in,
                seen: parse::seen(wire.generation, wire.policy_version.as_ref()),
                code: id("code", &wire.code)?,
                attempt_id,
                kept: call::kept_attempt(&self.0.keyring, wire, attempt_id, call.user.id)?,
            };
            let codes = self.0.confirm_sign_in_enrollment(call, command).await?;
            Ok(ConfirmSignInEnrollmentResponse { recovery_codes: render::recovery_codes(&codes) })
        };
        respond(answer.await)
    }

    async fn acknowledge_sign_in_enrollment(
        &self,
        request: Request<AcknowledgeSignInEnrollmentRequest>,
    ) -> Result<Response<AcknowledgeSignInEnrollmentResponse>, Status> {
        let answer = async {
            let wire = request.get_ref();
            let call = parse::sign_in_call(&request, wire.user.as_ref(), None, wire.client.as_ref())?;
            let sign_in = id("sign_in_id", &wire.sign_in_id)?;
            let seen = parse::seen(wire.generation, wire.policy_version.as_ref());
            let acknowledged = self.0.acknowledge_sign_in_enrollment(call, sign_in, seen).await?;
            Ok(AcknowledgeSignInEnrollmentResponse {
                factor_id: acknowledged.listed.factor.id.to_string(),
                verify_time: Some(timestamp_to_wire(acknowledged.verify_time)),
                generation: acknowledged.generation,
            })
        };
        respond(answer.await)
    }

    async fn issue_bootstrap_ticket(
        &self,
        request: Request<IssueBootstrapTicketRequest>,
    ) -> Result<Response<IssueBootstrapTicketResponse>, Status> {
        let answer = async {
            let user = UserFacts::parse(request.get_ref().user.as_ref())?;
            let issued = self.0.issue_bootstrap_ticket(user, &rpc::call_info(&request)).await?;
            Ok(IssueBootstrapTicketResponse {
                enrollment_ticket: issued.ticket.expose().to_owned(),
                expire_time: Some(timestamp_to_wire(issued.expire_time)),
            })
        };
        respond(answer.await)
    }

    async fn verify_recovery_code(
        &self,
        request: Request<VerifyRecoveryCodeRequest>,
    ) -> Result<Response<VerifyRecoveryCodeResponse>, Status> {
        let answer = async {
            let wire = request.get_ref();
            let call = parse::sign_in_call(&request, wire.user.as_ref(), None, wire.client.as_ref())?;
            let verified = self.0.verify_recovery_code(call, parse::verify_recovery(wire)?).await?;
            Ok(VerifyRecoveryCodeResponse {
                verify_time: Some(timestamp_to_wire(verified.verify_time)),
                recovery_codes_left: verified.left,
            })
        };
        respond_to_service(answer.await)
    }
}
