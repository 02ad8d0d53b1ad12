//! `FactorService`: authenticators, for users who are signed in.

use std::sync::Arc;

use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{
    AcknowledgeEnrollmentRequest, AcknowledgeEnrollmentResponse, BeginEnrollmentRequest,
    BeginEnrollmentResponse, BreakGlassTicketRequest, BreakGlassTicketResponse, ConfirmEnrollmentRequest,
    ConfirmEnrollmentResponse, ListFactorsRequest, ListFactorsResponse, RegenerateRecoveryCodesRequest,
    RegenerateRecoveryCodesResponse, RemoveFactorRequest, RemoveFactorResponse, ResetMfaRequest,
    ResetMfaResponse, UnlockUserRequest, UnlockUserResponse,
};
use rpc::{respond, signed_in};
use tonic::{Request, Response, Status};
use wire::{id, optional_id, timestamp_to_wire};

use super::{call, parse, render};
use crate::ops::Mfa;

/// The handlers.
pub(crate) struct FactorHandlers(pub(crate) Arc<Mfa>);

#[tonic::async_trait]
impl FactorService for FactorHandlers {
    async fn list_factors(
        &self,
        request: Request<ListFactorsRequest>,
    ) -> Result<Response<ListFactorsResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let user = optional_id("user_id", &request.get_ref().user_id)?;
            let factors = self.0.list_factors(&caller, user).await?;
            Ok(ListFactorsResponse { factors: factors.iter().map(render::factor).collect() })
        };
        respond(answer.await)
    }

    async fn begin_enrollment(
        &self,
        request: Request<BeginEnrollmentRequest>,
    ) -> Result<Response<BeginEnrollmentResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::unrepeated("", &request)?;
            let command = parse::begin(request.get_ref())?;
            self.0.begin_enrollment(&caller, command, &call).await.map(render::begun)
        };
        respond(answer.await)
    }

    async fn confirm_enrollment(
        &self,
        request: Request<ConfirmEnrollmentRequest>,
    ) -> Result<Response<ConfirmEnrollmentResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "ConfirmEnrollment", request_id, &request)?;
            let code = id("code", &request.get_ref().code)?;
            let codes = self.0.confirm_enrollment(&caller, code, &call).await?;
            Ok(ConfirmEnrollmentResponse { recovery_codes: render::recovery_codes(&codes) })
        };
        respond(answer.await)
    }

    async fn acknowledge_enrollment(
        &self,
        request: Request<AcknowledgeEnrollmentRequest>,
    ) -> Result<Response<AcknowledgeEnrollmentResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "AcknowledgeEnrollment", request_id, &request)?;
            let acknowledged = self.0.acknowledge_enrollment(&caller, &call).await?;
            Ok(AcknowledgeEnrollmentResponse { factor: Some(render::factor(&acknowledged.listed)) })
        };
        respond(answer.await)
    }

    async fn remove_factor(
        &self,
        request: Request<RemoveFactorRequest>,
    ) -> Result<Response<RemoveFactorResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "RemoveFactor", request_id, &request)?;
            let command = parse::remove(request.get_ref())?;
            self.0.remove_factor(&caller, command, &call).await?;
            Ok(RemoveFactorResponse {})
        };
        respond(answer.await)
    }

    async fn reset_mfa(
        &self,
        request: Request<ResetMfaRequest>,
    ) -> Result<Response<ResetMfaResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "ResetMfa", request_id, &request)?;
            let command = parse::reset(request.get_ref())?;
            let issued = self.0.reset_mfa(&caller, command, &call).await?;
            Ok(ResetMfaResponse {
                enrollment_ticket: issued.ticket.expose().to_owned(),
                enrollment_ticket_expire_time: Some(timestamp_to_wire(issued.expire_time)),
            })
        };
        respond(answer.await)
    }

    async fn unlock_user(
        &self,
        request: Request<UnlockUserRequest>,
    ) -> Result<Response<UnlockUserResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "UnlockUser", &request.get_ref().request_id, &request)?;
            let command = parse::unlock(request.get_ref())?;
            self.0.unlock_user(&caller, command, call).await?;
            Ok(UnlockUserResponse {})
        };
        respond(answer.await)
    }

    async fn regenerate_recovery_codes(
        &self,
        request: Request<RegenerateRecoveryCodesRequest>,
    ) -> Result<Response<RegenerateRecoveryCodesResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "RegenerateRecoveryCodes", request_id, &request)?;
            let code = id("code", &request.get_ref().code)?;
            let codes = self.0.regenerate_recovery_codes(&caller, code, &call).await?;
            Ok(RegenerateRecoveryCodesResponse { recovery_codes: render::recovery_codes(&codes) })
        };
        respond(answer.await)
    }

    async fn break_glass_ticket(
        &self,
        request: Request<BreakGlassTicketRequest>,
    ) -> Result<Response<BreakGlassTicketResponse>, Status> {
        let answer = async {
            let request_id = &request.get_ref().request_id;
            let call = call::by_operator(&self.0.keyring, "BreakGlassTicket", request_id, &request)?;
            let command = parse::break_glass(request.get_ref())?;
            let issued = self.0.break_glass_ticket(command, call).await?;
            Ok(BreakGlassTicketResponse {
                enrollment_ticket: issued.ticket.expose().to_owned(),
                enrollment_ticket_expire_time: Some(timestamp_to_wire(issued.expire_time)),
            })
        };
        respond(answer.await)
    }
}
