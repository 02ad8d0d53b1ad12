//! `countersign.identity.v1.SessionService`

use ::rpc::{respond, signed_in};
use fault::Fault;
use proto::identity::session_service_server::SessionService;
use proto::identity::{
    GetCurrentUserRequest, GetCurrentUserResponse, GetJwksRequest, GetJwksResponse, IntrospectTokenRequest,
    IntrospectTokenResponse, ListSessionsRequest, ListSessionsResponse, RefreshSessionRequest,
    RefreshSessionResponse, RevokeSessionRequest, RevokeSessionResponse, RevokeUserSessionsRequest,
    RevokeUserSessionsResponse, RotateSigningKeyRequest, RotateSigningKeyResponse, SessionEntry,
    StepUpRequest, StepUpResponse,
};
use tonic::{Request, Response, Status};
use types::SessionId;
use wire::timestamp_to_wire;

use super::fields::{origin, session, session_facts};
use super::session_requests as requests;
use crate::domain::session::Session;
use crate::ops::{Identity, NextKey, SessionPage};
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
            let opened = self.0.refresh_session(requests::refresh_session(&self.0, &request)?).await?;
            Ok(RefreshSessionResponse { session: Some(session(&opened)) })
        };
        respond(work().await)
    }

    async fn step_up(&self, request: Request<StepUpRequest>) -> Result<Response<StepUpResponse>, Status> {
        let work = async || {
            let token = self.0.step_up(requests::step_up(&self.0, &request)?).await?;
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

    async fn rotate_signing_key(
        &self,
        request: Request<RotateSigningKeyRequest>,
    ) -> Result<Response<RotateSigningKeyResponse>, Status> {
        let work = async || {
            let NextKey { key_id, sign_from } =
                self.0.rotate_signing_key(&origin(&request, None, "")?).await?;
            Ok(RotateSigningKeyResponse { key_id, sign_from: Some(timestamp_to_wire(sign_from)) })
        };
        respond(work().await)
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let work = async || {
            let command = requests::list_sessions(&request)?;
            let present = command.caller.session_id;
            let SessionPage { sessions, next_page_token } = self.0.list_sessions(command).await?;
            let sessions = sessions.iter().map(|session| entry(session, present)).collect();
            Ok(ListSessionsResponse { sessions, next_page_token })
        };
        respond(work().await)
    }

    async fn revoke_user_sessions(
        &self,
        request: Request<RevokeUserSessionsRequest>,
    ) -> Result<Response<RevokeUserSessionsResponse>, Status> {
        let work = async || self.0.revoke_user_sessions(requests::revoke_user_sessions(&request)?).await;
        respond(work().await)
    }
}

fn entry(session: &Session, present: SessionId) -> SessionEntry {
    SessionEntry {
        session: Some(session_facts(session)),
        refresh_time: Some(timestamp_to_wire(session.refresh_time)),
        client: Some(session.client.to_wire()),
        is_current: session.id == present,
    }
}
