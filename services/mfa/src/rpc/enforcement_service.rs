//! `EnforcementService`: policy, for users. Every method reads: who, which call, what, done, rendered.

use std::sync::Arc;

use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::{
    DisableMfaRequest, DisableMfaResponse, EnforceMfaRequest, EnforceMfaResponse, GetEnforcementRequest,
    GetEnforcementResponse, ReenableMfaRequest, ReenableMfaResponse,
};
use rpc::{respond, signed_in};
use tonic::{Request, Response, Status};

use super::{call, parse, render};
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
}
