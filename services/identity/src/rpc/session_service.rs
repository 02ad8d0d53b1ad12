//! `countersign.identity.v1.SessionService`

use ::rpc::{respond, signed_in};
use fault::Fault;
use proto::identity::session_service_server::SessionService;
use proto::identity::{
    GetCurrentUserRequest, GetCurrentUserResponse, GetJwksRequest, GetJwksResponse, IntrospectTokenRequest,
    IntrospectTokenResponse, RefreshSessionRequest, RefreshSessionResponse, RevokeSessionRequest,
    RevokeSessionResponse, StepUpRequest, StepUpResponse,
};
use tonic::{Request, Response, Status};
use wire::timestamp_to_wire;

use super::fields::{origin, session, session_facts, token};
use crate::ops::{Identity, RefreshSession, StepUp};
use crate::store::answers;

/// The service.
#[derive(Clone)]
pub struct Sessions(pub Identity);

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn refresh_session(
        &self,
        request: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = RefreshSession {
                refresh_token: token("refresh_token", &message.refresh_token)?,
                origin: origin(&request, message.client.as_ref(), &message.request_id)?,
            };
            let opened = self.0.refresh_session(command).await?;
            Ok(RefreshSessionResponse { session: Some(session(&opened)) })
        };
        respond(work().await)
    }

    async fn step_up(&self, request: Request<StepUpRequest>) -> Result<Response<StepUpResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = StepUp {
                code: wire::id("code", &message.code)?,
                bearer: signed_in(&request)?,
                origin: origin(&request, None, &message.request_id)?,
            };
            let token = self.0.step_up(command).await?;
            Ok(StepUpResponse {
                access_token_expire_time: Some(timestamp_to_wire(token.expire_time)),
                access_token: token.text,
            })
        };
        respond(work().await)
    }

    async fn get_current_user(
        &self,
        request: Request<GetCurrentUserRequest>,
    ) -> Result<Response<GetCurrentUserResponse>, Status> {
        let work = async || {
            let standing = self.0.standing_of(&signed_in(&request)?).await?;
            Ok(GetCurrentUserResponse {
                user: Some(answers::user(&standing.user)),
                session: Some(session_facts(&standing.session)),
            })
        };
        respond(work().await)
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        let work = async || {
            let session_id = wire::optional_id("session_id", &request.get_ref().session_id)?;
            let (bearer, origin) = (signed_in(&request)?, origin(&request, None, "")?);
            self.0.revoke_session(bearer, session_id, origin).await?;
            Ok(RevokeSessionResponse {})
        };
        respond(work().await)
    }

    async fn introspect_token(
        &self,
        request: Request<IntrospectTokenRequest>,
    ) -> Result<Response<IntrospectTokenResponse>, Status> {
        let work = async || {
            let token = &request.get_ref().access_token;
            if token.is_empty() {
                return Err(Fault::field("access_token", "is required"));
            }
            let Some(standing) = self.0.introspect_token(token).await? else {
                return Ok(IntrospectTokenResponse::default());
            };
            Ok(IntrospectTokenResponse {
                active: true,
                user: Some(standing.user.facts(&standing.organization.path).to_wire()),
                session: Some(session_facts(&standing.session)),
            })
        };
        respond(work().await)
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        respond(self.0.tokens.jwks().await.map(|jwks_json| GetJwksResponse { jwks_json }))
    }

    async fn list_sessions(
        &self,
        _: Request<proto::identity::ListSessionsRequest>,
    ) -> Result<Response<proto::identity::ListSessionsResponse>, Status> {
        respond(Err(fault::Reason::MethodUnknown.into()))
    }

    async fn revoke_user_sessions(
        &self,
        _: Request<proto::identity::RevokeUserSessionsRequest>,
    ) -> Result<Response<proto::identity::RevokeUserSessionsResponse>, Status> {
        respond(Err(fault::Reason::MethodUnknown.into()))
    }
}
