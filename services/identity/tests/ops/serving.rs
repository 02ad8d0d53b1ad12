//! The whole service as it is started: over mutual TLS, with its layers, while tenant and mfa are down.

use host::{App, HostConfig};
use identity::{Config, DelayConfig, HashingConfig, SessionConfig};
use keyring::Keyring;
use local::certificates::DevCa;
use proto::identity::session_service_client::SessionServiceClient;
use proto::identity::sign_in_service_client::SignInServiceClient;
use proto::identity::user_service_client::UserServiceClient;
use proto::identity::{
    CreateUserRequest, GetCurrentUserRequest, GetJwksRequest, IntrospectTokenRequest, RefreshSessionRequest,
    RevokeSessionRequest, StartSignInRequest, StepUpRequest, VerifyMfaRequest,
};
use rpc::{PeerChannel, ReflectionMode, TlsFiles, reason_of};
use tempfile::TempDir;
use tonic::{Code, Request, Status};

use crate::support::{Bench, ISSUER, PASSWORD};

pub(crate) struct Served {
    pub(crate) app: App,
    directory: TempDir,
    ca: DevCa,
}

impl Served {
    /// The service on a bench's database, with a keyring of its own.
    pub(crate) async fn start(bench: &Bench) -> Self {
        // Nobody listens on port 1.
        Self::start_with(bench, "127.0.0.1:1".to_owned()).await
    }

    /// The same, told where mfa is.
    pub(crate) async fn start_with(bench: &Bench, mfa_addr: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = DevCa::load_or_create(directory.path()).unwrap();
        Keyring::create(&directory.path().join("keyring")).unwrap();
        let tls = issue(&directory, &ca, "identity");
        let host = HostConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: bench.database.service_url.clone(),
            sequencer_database_url: bench.database.sequencer_url.clone(),
            keyring_dir: directory.path().join("keyring"),
            tls_ca: tls.ca,
            tls_cert: tls.cert,
            tls_key: tls.key,
            trust_domain: "countersign.local".to_owned(),
            reflection: ReflectionMode::Off,
            issuer: ISSUER.to_owned(),
            log_format: telemetry::LogFormat::Text,
            ntp_server: None,
            clock_tolerance_seconds: 5,
            ops: host::OpsConfig::default(),
            clock_references: Some(host::SteeredReference::default().into()),
            listener: None,
        };
        let config = Config {
            host,
            tenant_addr: vec!["127.0.0.1:1".to_owned()],
            mfa_addr: vec![mfa_addr],
            broker_peers: vec![String::new(), "broker".to_owned()],
            sessions: SessionConfig::default(),
            hashing: HashingConfig::default(),
            delays: DelayConfig::default(),
        };
        let app = identity::start(config, bench.clock.shared()).await.unwrap();
        Self { app, directory, ca }
    }

    pub(crate) fn channel(&self, peer: &str) -> PeerChannel {
        let tls = issue(&self.directory, &self.ca, peer);
        PeerChannel::connect_lazily(vec![self.app.local_addr().to_string()], &tls, "identity").unwrap()
    }
}

fn issue(directory: &TempDir, ca: &DevCa, peer: &str) -> TlsFiles {
    let issued = ca.issue(peer).unwrap();
    TlsFiles { ca: directory.path().join("ca.crt"), cert: issued.certificate, key: issued.key }
}

pub(crate) fn told(status: &Status) -> (Code, String) {
    (status.code(), reason_of(status).unwrap().to_string())
}

pub(crate) fn start(login: &str, password: &str) -> StartSignInRequest {
    StartSignInRequest { login: login.to_owned(), password: password.to_owned(), client: None }
}

#[tokio::test]
async fn sign_in_over_the_wire_fails_closed_while_mfa_is_down() {
    let bench = Bench::new().await;
    bench.project(&bench.tenant.get(bench.provider.organization_id())).await;
    bench.user("ada@company.example").await;
    let served = Served::start(&bench).await;
    let mut sign_ins = SignInServiceClient::new(served.channel("console"));
    let unauthenticated = (Code::Unauthenticated, "SIGN_IN_REFUSED".to_owned());
    let unavailable = (Code::Unavailable, "DEPENDENCY_UNAVAILABLE".to_owned());
    for (login, password, expected) in [
        ("ada@company.example", PASSWORD, &unavailable),
        ("ada@company.example", "wrong", &unauthenticated),
        ("eve@company.example", PASSWORD, &unauthenticated),
        ("\u{0}\u{202e}", PASSWORD, &unauthenticated),
    ] {
        let status = sign_ins.start_sign_in(start(login, password)).await.unwrap_err();
        assert_eq!(&told(&status), expected, "{login} {password}");
    }
    let refused = bench.events().await;
    // The right password, too: it led nowhere.
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|event| event.peer == "console" && !event.trace_id.is_empty()));
    served.app.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_before_anything_is_looked_up() {
    let bench = Bench::new().await;
    let served = Served::start(&bench).await;
    let mut sign_ins = SignInServiceClient::new(served.channel("console"));
    let long = "x".repeat(2_000);
    for (login, password) in
        [("", PASSWORD), ("a@b.example", ""), (&*long, PASSWORD), ("a@b.example", &*long)]
    {
        let status = sign_ins.start_sign_in(start(login, password)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    for code in ["", "12345", "1234567", "１２３４５６", "12 345", "+12345"] {
        let request =
            VerifyMfaRequest { sign_in_token: "x".to_owned(), code: code.to_owned(), ..Default::default() };
        assert_eq!(sign_ins.verify_mfa(request).await.unwrap_err().code(), Code::InvalidArgument, "{code}");
    }
    let request =
        VerifyMfaRequest { sign_in_token: "x".to_owned(), code: "123456".to_owned(), ..Default::default() };
    assert_eq!(sign_ins.verify_mfa(request).await.unwrap_err().code(), Code::Unauthenticated);
    let mut sessions = SessionServiceClient::new(served.channel("console"));
    let refresh =
        |token: &str| RefreshSessionRequest { refresh_token: token.to_owned(), ..Default::default() };
    let status = sessions.refresh_session(refresh("")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let status = sessions.refresh_session(refresh("x")).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "REFRESH_REFUSED".to_owned()));
    assert!(bench.events().await.is_empty());
    served.app.shutdown().await;
}

#[tokio::test]
async fn a_bearer_is_known_by_token_and_a_refusal_of_theirs_is_recorded() {
    let mut bench = Bench::new().await;
    let served = Served::start(&bench).await;
    bench.use_keyring(Keyring::load(&served.directory.path().join("keyring")).unwrap());
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let mut sessions = SessionServiceClient::new(served.channel("console"));
    let jwks = sessions.get_jwks(GetJwksRequest {}).await.unwrap().into_inner().jwks_json;
    assert!(jwks.contains("\"Ed25519\""), "{jwks}");
    let current = sessions.get_current_user(bearer(&session, GetCurrentUserRequest {})).await.unwrap();
    assert_eq!(current.into_inner().user.unwrap().login, "ada@company.example");

    let mut users = UserServiceClient::new(served.channel("console"));
    let request = bearer(&session, CreateUserRequest::default());
    let status = users.create_user(request).await.unwrap_err();
    assert_eq!(told(&status), (Code::PermissionDenied, "MFA_STEP_UP_REQUIRED".to_owned()));
    let events = bench.events().await;
    let refused = events.last().unwrap();
    assert_eq!(
        (refused.r#type.as_str(), refused.reason.as_str()),
        ("identity.call.refused", "MFA_STEP_UP_REQUIRED")
    );

    let revoke = RevokeSessionRequest::default();
    sessions.revoke_session(bearer(&session, revoke)).await.unwrap();
    let status = sessions.get_current_user(bearer(&session, GetCurrentUserRequest {})).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN_INVALID".to_owned()));
    served.app.shutdown().await;
}

#[tokio::test]
async fn peers_and_tokens_are_checked() {
    let bench = Bench::new().await;
    let served = Served::start(&bench).await;
    let mut as_mfa = SignInServiceClient::new(served.channel("mfa"));
    let status = as_mfa.start_sign_in(start("a@b.example", PASSWORD)).await.unwrap_err();
    assert_eq!(told(&status), (Code::PermissionDenied, "PEER_NOT_ALLOWED".to_owned()));
    let mut sessions = SessionServiceClient::new(served.channel("console"));
    let step_up = StepUpRequest { code: "123456".to_owned(), ..Default::default() };
    let status = sessions.step_up(step_up).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN_INVALID".to_owned()));
    let mut users = UserServiceClient::new(served.channel("console"));
    let status = users.create_user(CreateUserRequest::default()).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN_INVALID".to_owned()));
    let introspect = |token: &str| IntrospectTokenRequest { access_token: token.to_owned() };
    assert!(!sessions.introspect_token(introspect("x")).await.unwrap().into_inner().active);
    let status = sessions.introspect_token(introspect("")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    served.app.shutdown().await;
}

fn bearer<T>(session: &identity::ops::OpenedSession, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", session.access_token.text);
    request.metadata_mut().insert("authorization", value.parse().unwrap());
    request
}
