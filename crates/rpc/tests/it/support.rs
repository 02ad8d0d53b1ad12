//! A certificate authority, a running server, and clients of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{Authenticator, SignedIn};
use async_trait::async_trait;
use clock::{Clock as _, ManualClock};
use fault::{Outcome, Reason};
use local::certificates::{DevCa, PeerNaming};
use proto::events::event_log_service_server::{EventLogServiceServer, SERVICE_NAME as EVENT_LOG};
use proto::tenant::GetOrganizationRequest;
use proto::tenant::tenant_service_client::TenantServiceClient;
use proto::tenant::tenant_service_server::{SERVICE_NAME as TENANT, TenantServiceServer};
use rpc::{
    Limits, PeerChannel, Readiness, ReflectionMode, Refusal, RefusalSink, Server, ServerOptions, ServerParts,
    TlsFiles,
};
use tempfile::TempDir;
use time::macros::datetime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::{Request, Status};
use types::{OrganizationId, OrganizationPath, Role, SessionId, UserId};

use crate::tree::{Log, Tree};

pub(crate) const TRUST_DOMAIN: &str = "countersign.local";

pub(crate) struct Authority {
    pub(crate) directory: TempDir,
    ca: DevCa,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = DevCa::load_or_create(directory.path()).unwrap();
        Self { directory, ca }
    }

    pub(crate) fn files(&self, peer: &str) -> TlsFiles {
        files(&self.ca, peer)
    }

    /// A certificate of the same authority that is no peer's of our trust domain.
    pub(crate) fn foreign_files(&self, name: &str) -> TlsFiles {
        let naming =
            PeerNaming { trust_domain: "elsewhere.example".to_owned(), namespace: "default".to_owned() };
        files(&DevCa::load_or_create_with(self.directory.path(), naming).unwrap(), name)
    }

    pub(crate) fn reissue(&self, peer: &str) -> TlsFiles {
        let files = self.files(peer);
        std::fs::remove_file(&files.cert).unwrap();
        self.files(peer)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn files(ca: &DevCa, peer: &str) -> TlsFiles {
    let issued = ca.issue(peer).unwrap();
    TlsFiles { ca: ca.certificate(), cert: issued.certificate, key: issued.key }
}

/// Says for whom the tokens `admin`, `stale` and `user` speak; `down` is identity out of reach.
struct Tokens(HashMap<&'static str, SignedIn>);

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, bearer: &str) -> Outcome<SignedIn> {
        match bearer {
            "down" => Err(Reason::DependencyUnavailable.into()),
            _ => self.0.get(bearer).cloned().ok_or_else(|| Reason::TokenInvalid.into()),
        }
    }
}

/// Keeps what was recorded; refuses to while it is full.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) refusals: Mutex<Vec<Refusal>>,
    pub(crate) is_full: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl RefusalSink for Recorded {
    async fn record(&self, refusal: Refusal) -> Outcome<()> {
        if self.is_full.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Reason::Internal.into());
        }
        self.refusals.lock().unwrap().push(refusal);
        Ok(())
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) clock: ManualClock,
    pub(crate) recorded: Arc<Recorded>,
    pub(crate) readiness: Readiness,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.serving).await.unwrap();
    }
}

pub(crate) fn options(tls: TlsFiles) -> ServerOptions {
    ServerOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls,
        trust_domain: TRUST_DOMAIN.to_owned(),
        reflection: ReflectionMode::Operators,
        limits: Limits { certificate_poll: Duration::from_millis(20), ..Limits::default() },
    }
}

pub(crate) fn user(role: Role, mfa_time: Option<clock::Timestamp>) -> SignedIn {
    let mut path = OrganizationPath::root(OrganizationId::generate());
    while path.kind() != role.organization_kind() {
        path = path.child(OrganizationId::generate()).unwrap();
    }
    SignedIn {
        user_id: UserId::generate(),
        path,
        login: "ada@example.com".parse().unwrap(),
        role,
        session_id: SessionId::generate(),
        amr: vec!["pwd".into()],
        auth_time: START,
        mfa_time,
        generation: 0,
    }
}

pub(crate) const START: clock::Timestamp = datetime!(2026-01-01 12:00 UTC);

/// A server called `tenant` with the tree and log of this test's making.
pub(crate) async fn start(authority: &Authority) -> Running {
    start_with(options(authority.files("tenant")), Tree::default()).await
}

pub(crate) async fn start_with(options: ServerOptions, tree: Tree) -> Running {
    let routes = Routes::new(TenantServiceServer::new(tree)).add_service(EventLogServiceServer::new(Log));
    let clock = ManualClock::at(START);
    let tokens = Tokens(HashMap::from([
        ("admin", user(Role::ProviderAdmin, Some(clock.now()))),
        ("stale", user(Role::ProviderAdmin, Some(clock.now() - time::Duration::minutes(16)))),
        ("user", user(Role::CompanyUser, None)),
    ]));
    run(options, routes, &[TENANT, EVENT_LOG], Arc::new(tokens), clock).await
}

/// The same, not open yet.
pub(crate) async fn start_closed(authority: &Authority) -> Running {
    let routes = Routes::new(TenantServiceServer::new(Tree::default()));
    let (tokens, clock) = (Tokens(HashMap::new()), ManualClock::at(START));
    let options = options(authority.files("tenant"));
    run_with(options, routes, &[TENANT], Arc::new(tokens), clock, Readiness::closed()).await
}

pub(crate) async fn run(
    options: ServerOptions,
    routes: Routes,
    service_names: &'static [&'static str],
    authenticator: Arc<dyn Authenticator>,
    clock: ManualClock,
) -> Running {
    run_with(options, routes, service_names, authenticator, clock, Readiness::new(true)).await
}

pub(crate) async fn run_with(
    options: ServerOptions,
    routes: Routes,
    service_names: &'static [&'static str],
    authenticator: Arc<dyn Authenticator>,
    clock: ManualClock,
    readiness: Readiness,
) -> Running {
    let server = Server::bind(options).await.unwrap();
    let address = server.local_addr();
    let recorded = Arc::new(Recorded::default());
    let parts = ServerParts {
        routes,
        authenticator,
        refusals: recorded.clone(),
        clock: clock.shared(),
        readiness: readiness.clone(),
        service_names,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        server.serve(parts, async { drop(stopped.await) }).await.unwrap();
    });
    Running { address, clock, recorded, readiness, stop: Some(stop), serving }
}

pub(crate) fn channel(address: SocketAddr, tls: &TlsFiles) -> PeerChannel {
    PeerChannel::connect_lazily_in(TRUST_DOMAIN, vec![address.to_string()], tls, "tenant").unwrap()
}

pub(crate) fn tree_client(address: SocketAddr, tls: &TlsFiles) -> TenantServiceClient<PeerChannel> {
    TenantServiceClient::new(channel(address, tls))
}

/// A request for one of the tree's tricks, by a bearer.
pub(crate) fn get(trick: &str, bearer: &str) -> Request<GetOrganizationRequest> {
    with_bearer(GetOrganizationRequest { organization_id: trick.to_owned() }, bearer)
}

pub(crate) fn with_bearer<T>(message: T, bearer: &str) -> Request<T> {
    let mut request = Request::new(message);
    if !bearer.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    }
    request
}

/// The status is an error of ours, complete with ErrorInfo, and leaks nothing.
#[track_caller]
pub(crate) fn assert_refused(status: &Status, reason: Reason) {
    assert_eq!(rpc::reason_of(status), Some(reason), "{status:?}");
    let text = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
    assert!(!text.contains("vault") && !text.contains("rotobuf"), "{text}");
}
