//! `EnforcementService`: policy, for users. Every method reads: who, which call, what, done, rendered.

use std::sync::Arc;

use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::{
    DisableMfaRequest, DisableMfaResponse, EnforceMfaRequest, EnforceMfaResponse, GetAdoptionRequest,
    GetAdoptionResponse, GetEnforcementRequest, GetEnforcementResponse, IssueEnrollmentTicketRequest,
    IssueEnrollmentTicketResponse, ListEnforcementsRequest, ListEnforcementsResponse,
    PreviewEnforcementRequest, PreviewEnforcementResponse, ReenableMfaRequest, ReenableMfaResponse,
};
use rpc::{respond, signed_in};
use tonic::{Request, Response, Status};
use wire::{optional_id, timestamp_to_wire};

use super::{adoption, call, parse, render};
use crate::ops::Mfa;

/// The handlers.
pub(crate) struct EnforcementHandlers(pub(crate) Arc<Mfa>);

#[tonic::async_trait]
impl EnforcementService for EnforcementHandlers {
    async fn enforce_mfa(
        &self,
        request: Request<EnforceMfaRequest>,
    ) -> Result<Response<EnforceMfaResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "EnforceMfa", &request.get_ref().request_id, &request)?;
            let command = parse::enforce(request.get_ref())?;
            let explained = self.0.change_enforcement(&caller, command, call).await?;
            Ok(EnforceMfaResponse { enforcement: Some(render::enforcement(&explained)) })
        };
        respond(answer.await)
    }

    async fn disable_mfa(
        &self,
        request: Request<DisableMfaRequest>,
    ) -> Result<Response<DisableMfaResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "DisableMfa", &request.get_ref().request_id, &request)?;
            let command = parse::disable(request.get_ref())?;
            let explained = self.0.change_enforcement(&caller, command, call).await?;
            Ok(DisableMfaResponse { enforcement: Some(render::enforcement(&explained)) })
        };
        respond(answer.await)
    }

    async fn reenable_mfa(
        &self,
        request: Request<ReenableMfaRequest>,
    ) -> Result<Response<ReenableMfaResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "ReenableMfa", &request.get_ref().request_id, &request)?;
            let command = parse::reenable(request.get_ref())?;
            let explained = self.0.change_enforcement(&caller, command, call).await?;
            Ok(ReenableMfaResponse { enforcement: Some(render::enforcement(&explained)) })
        };
        respond(answer.await)
    }

    async fn get_enforcement(
        &self,
        request: Request<GetEnforcementRequest>,
    ) -> Result<Response<GetEnforcementResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let target = parse::target(request.get_ref().target.as_ref())?;
            let explained = self.0.get_enforcement(&caller, target).await?;
            Ok(GetEnforcementResponse { enforcement: Some(render::enforcement(&explained)) })
        };
        respond(answer.await)
    }

    async fn issue_enrollment_ticket(
        &self,
        request: Request<IssueEnrollmentTicketRequest>,
    ) -> Result<Response<IssueEnrollmentTicketResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let (keyring, request_id) = (&self.0.keyring, &request.get_ref().request_id);
            let call = call::kept(keyring, &caller, "IssueEnrollmentTicket", request_id, &request)?;
            let command = parse::issue(request.get_ref())?;
            let issued = self.0.issue_enrollment_ticket(&caller, command, &call).await?;
            Ok(IssueEnrollmentTicketResponse {
                enrollment_ticket: issued.ticket.expose().to_owned(),
                expire_time: Some(timestamp_to_wire(issued.expire_time)),
            })
        };
        respond(answer.await)
    }

    async fn list_enforcements(
        &self,
        request: Request<ListEnforcementsRequest>,
    ) -> Result<Response<ListEnforcementsResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let query = adoption::parse_list(request.get_ref())?;
            self.0.list_enforcements(&caller, query).await.map(adoption::page)
        };
        respond(answer.await)
    }

    async fn preview_enforcement(
        &self,
        request: Request<PreviewEnforcementRequest>,
    ) -> Result<Response<PreviewEnforcementResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let query = adoption::parse_preview(request.get_ref())?;
            self.0.preview_enforcement(&caller, query).await.map(adoption::preview)
        };
        respond(answer.await)
    }

    async fn get_adoption(
        &self,
        request: Request<GetAdoptionRequest>,
    ) -> Result<Response<GetAdoptionResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let organization = optional_id("organization_id", &request.get_ref().organization_id)?;
            self.0.get_adoption(&caller, organization).await.map(|figures| adoption::adoption(&figures))
        };
        respond(answer.await)
    }
}
