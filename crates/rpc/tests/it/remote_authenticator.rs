//! Authentication by asking identity.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use access::{AUDIENCE, Authenticator, Claims, SignedIn, TokenSigner, jwks_json};
use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use clock::{Clock as _, ManualClock};
use fault::{Outcome, Reason};
use proto::identity::session_service_server::{SERVICE_NAME, SessionService, SessionServiceServer};
use proto::identity::{
    GetCurrentUserRequest, GetCurrentUserResponse, GetJwksRequest, GetJwksResponse, IntrospectTokenRequest,
    IntrospectTokenResponse, ListSessionsRequest, ListSessionsResponse, RefreshSessionRequest,
    RefreshSessionResponse, RevokeSessionRequest, RevokeSessionResponse, RevokeUserSessionsRequest,
    RevokeUserSessionsResponse, RotateSigningKeyRequest, RotateSigningKeyResponse, SessionFacts,
    StepUpRequest, StepUpResponse,
};
use rpc::{PeerChannel, RemoteAuthenticator};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use types::{AuthSource, Role};
use wire::{UserFacts, UserState};

use crate::support::{Authority, Running, START, options, run, user};

/// What identity would answer.
struct Sessions {
    user: Mutex<SignedIn>,
    is_active: AtomicBool,
    jwks: Mutex<String>,
    fetches: AtomicUsize,
}

#[derive(Clone)]
struct Identity(Arc<Sessions>);

#[tonic::async_trait]
impl SessionService for Identity {
    async fn introspect_token(
        &self,
        _: Request<IntrospectTokenRequest>,
    ) -> Result<Response<IntrospectTokenResponse>, Status> {
        let user = self.0.user.lock().unwrap().clone();
        let facts = UserFacts {
            id: user.user_id,
            path: user.path,
            login: user.login,
            role: user.role,
            auth_source: AuthSource::Local,
            state: UserState::Active,
            version: 1,
        };
        let session = SessionFacts {
            session_id: user.session_id.to_string(),
            auth_time: Some(wire::timestamp_to_wire(user.auth_time)),
            amr: user.amr,
            mfa_time: user.mfa_time.map(wire::timestamp_to_wire),
            expire_time: None,
            generation: user.generation,
        };
        Ok(Response::new(IntrospectTokenResponse {
            active: self.0.is_active.load(Ordering::SeqCst),
            user: Some(facts.to_wire()),
            session: Some(session),
        }))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(GetJwksResponse { jwks_json: self.0.jwks.lock().unwrap().clone() }))
    }

    async fn refresh_session(
        &self,
        _: Request<RefreshSessionRequest>,
    ) -> Result<Response<RefreshSessionResponse>, Status> {
        Err(rpc::into_status(Reason::RefreshRefused.into()))
    }

    async fn step_up(&self, _: Request<StepUpRequest>) -> Result<Response<StepUpResponse>, Status> {
        Err(rpc::into_status(Reason::CodeRefused.into()))
    }

    async fn get_current_user(
        &self,
        _: Request<GetCurrentUserRequest>,
    ) -> Result<Response<GetCurrentUserResponse>, Status> {
        Err(rpc::into_status(Reason::NotFound.into()))
    }

    async fn revoke_session(
        &self,
        _: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        Err(rpc::into_status(Reason::NotFound.into()))
    }

    async fn list_sessions(
        &self,
        _: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        Err(rpc::into_status(Reason::NotFound.into()))
    }

    async fn rotate_signing_key(
        &self,
        _: Request<RotateSigningKeyRequest>,
    ) -> Result<Response<RotateSigningKeyResponse>, Status> {
        Err(rpc::into_status(Reason::NotFound.into()))
    }

    async fn revoke_user_sessions(
        &self,
        _: Request<RevokeUserSessionsRequest>,
    ) -> Result<Response<RevokeUserSessionsResponse>, Status> {
        Err(rpc::into_status(Reason::NotFound.into()))
    }
}

/// identity itself never authenticates by asking itself.
struct Nobody;

#[async_trait]
impl Authenticator for Nobody {
    async fn authenticate(&self, _: &str) -> Outcome<SignedIn> {
        Err(Reason::TokenInvalid.into())
    }
}

struct Setting {
    server: Running,
    sessions: Arc<Sessions>,
    authenticator: RemoteAuthenticator,
    clock: ManualClock,
    signer: TokenSigner,
    /// Its files are looked at before every connection.
    _authority: Authority,
}

fn key(id: &str) -> (TokenSigner, String) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    (TokenSigner::new(id, der.as_ref()).unwrap(), jwks_json([(id, pair.public_key().as_ref())]))
}

async fn setting() -> Setting {
    let authority = Authority::new();
    let (signer, jwks) = key("k1");
    let sessions = Arc::new(Sessions {
        user: Mutex::new(user(Role::ResellerAdmin, Some(START))),
        is_active: AtomicBool::new(true),
        jwks: Mutex::new(jwks),
        fetches: AtomicUsize::new(0),
    });
    let routes = Routes::new(SessionServiceServer::new(Identity(sessions.clone())));
    let clock = ManualClock::at(START);
    let server =
        run(options(authority.files("identity")), routes, &[SERVICE_NAME], Arc::new(Nobody), clock.clone())
            .await;
    let addresses = vec![server.address.to_string()];
    let channel = PeerChannel::connect_lazily(addresses, &authority.files("mfa"), "identity").unwrap();
    let authenticator = RemoteAuthenticator::new(channel, "issuer", clock.shared());
    Setting { server, sessions, authenticator, clock, signer, _authority: authority }
}

impl Setting {
    fn claims(&self) -> Claims {
        let (user, now) = (self.sessions.user.lock().unwrap().clone(), self.clock.now().unix_timestamp());
        Claims {
            iss: "issuer".into(),
            sub: user.user_id.to_string(),
            aud: AUDIENCE.into(),
            exp: now + 300,
            iat: now,
            jti: "j".into(),
            client_id: "console".into(),
            auth_time: now,
            amr: user.amr.clone(),
            sid: user.session_id.to_string(),
            org: user.organization_id().to_string(),
            role: user.role.to_string(),
        }
    }
}

async fn reason(authenticator: &RemoteAuthenticator, token: &str) -> Option<Reason> {
    authenticator.authenticate(token).await.err().map(|fault| fault.reason())
}

#[tokio::test]
async fn a_living_sessions_user_is_as_identity_knows_it_now() {
    let setting = setting().await;
    let token = setting.signer.sign(&setting.claims()).unwrap();
    let expected = setting.sessions.user.lock().unwrap().clone();
    assert_eq!(setting.authenticator.authenticate(&token).await.unwrap(), expected);
    // Fresher than the token.
    setting.sessions.user.lock().unwrap().role = Role::ResellerAuditor;
    assert_eq!(setting.authenticator.authenticate(&token).await.unwrap().role, Role::ResellerAuditor);
    // Keys are fetched once.
    assert_eq!(setting.sessions.fetches.load(Ordering::SeqCst), 1);
    setting.sessions.is_active.store(false, Ordering::SeqCst);
    assert_eq!(reason(&setting.authenticator, &token).await, Some(Reason::TokenInvalid));
    setting.server.stop().await;
}

#[tokio::test]
async fn tokens_that_are_not_the_sessions_are_refused() {
    let setting = setting().await;
    let changes: [fn(&mut Claims); 4] = [
        |claims| claims.sub = types::UserId::generate().to_string(),
        |claims| claims.sid = types::SessionId::generate().to_string(),
        |claims| claims.exp = claims.iat,
        |claims| claims.iss = "somebody".into(),
    ];
    for change in changes {
        let mut claims = setting.claims();
        change(&mut claims);
        let token = setting.signer.sign(&claims).unwrap();
        assert_eq!(reason(&setting.authenticator, &token).await, Some(Reason::TokenInvalid), "{claims:?}");
    }
    setting.server.stop().await;
}

#[tokio::test]
async fn unknown_keys_are_fetched_but_not_for_every_token() {
    let setting = setting().await;
    let token = setting.signer.sign(&setting.claims()).unwrap();
    assert!(setting.authenticator.authenticate(&token).await.is_ok());
    let (stranger, _) = key("k2");
    let forged = stranger.sign(&setting.claims()).unwrap();
    for _ in 0..10 {
        assert_eq!(reason(&setting.authenticator, &forged).await, Some(Reason::TokenInvalid));
    }
    assert!(setting.sessions.fetches.load(Ordering::SeqCst) <= 2);
    setting.server.stop().await;
}

#[tokio::test]
async fn without_identity_nobody_is_let_in() {
    let setting = setting().await;
    let token = setting.signer.sign(&setting.claims()).unwrap();
    assert!(setting.authenticator.authenticate(&token).await.is_ok());
    setting.server.stop().await;
    assert_eq!(reason(&setting.authenticator, &token).await, Some(Reason::DependencyUnavailable));
}
