//! The three services in one process: real TLS, real PostgreSQL, a clock that tests move.

mod arguments;
mod consoles;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clock::{ManualClock, Timestamp};
use host::{App, HostConfig, KeysRefused, StartError, SteeredReference};
use keyring::Keyring;
use local::certificates::DevCa;
use rpc::{PeerChannel, ReflectionMode, TlsFiles};
use telemetry::LogFormat;
use tempfile::TempDir;
use types::ServiceName;

use crate::TestDatabase;
use crate::canary::{Finding, Secrets, Vigil, Witnessed};
use crate::console::Console;

pub use consoles::Consoles;

const TRUST_DOMAIN: &str = "countersign.local";
/// Wherever there is room.
const ANY_PORT: host::OpsListen = host::OpsListen(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)));
const ISSUER: &str = "https://countersign.test";

/// When tests begin.
#[must_use]
pub fn start_time() -> Timestamp {
    time::macros::datetime!(2026-03-02 09:00:00 UTC)
}

/// A running system, stopped when dropped.
pub struct TestSystem {
    /// First, so that it is over before the databases are gone.
    vigil: Vigil,
    secrets: Secrets,
    /// The clock of all three services.
    pub clock: ManualClock,
    /// What all three services compare their clock with: the clock itself, until a test shifts or silences it.
    pub reference: SteeredReference,
    /// tenant's database.
    pub tenant_database: TestDatabase,
    /// identity's database.
    pub identity_database: TestDatabase,
    /// mfa's database.
    pub mfa_database: TestDatabase,
    /// The console's view, first replica.
    pub console: Console,
    /// The operator's view, first replica.
    pub operator: Console,
    replicas: Vec<Replica>,
    directory: TempDir,
}

/// One of each service.
struct Replica {
    addresses: [SocketAddr; 3],
    tenant: Option<App>,
    identity: Option<App>,
    mfa: Option<App>,
}

impl TestSystem {
    /// One replica of each service.
    pub async fn start() -> Self {
        Self::with_replicas(1).await
    }

    /// Several replicas of each service on the same databases.
    pub async fn with_replicas(count: usize) -> Self {
        let databases =
            [TestDatabase::tenant().await, TestDatabase::identity().await, TestDatabase::mfa().await];
        Self::on(databases, count).await
    }

    /// Several replicas of each service on these databases: tenant's, identity's, mfa's.
    pub async fn on(databases: [TestDatabase; 3], count: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ca = DevCa::load_or_create(&directory.path().join("certificates")).expect("a CA");
        // The last is a platform service that no row of the access table names.
        for peer in ["tenant", "identity", "mfa", "console", "operator", "broker", "billing"] {
            ca.issue(peer).expect("a certificate");
        }
        for service in ["tenant", "identity", "mfa"] {
            Keyring::create(&directory.path().join(service)).expect("keys");
        }
        let [tenant_database, identity_database, mfa_database] = databases;
        let listeners: Vec<[TcpListener; 3]> = (0..count).map(|_| [(); 3].map(|()| reserve())).collect();
        let address = |listener: &TcpListener| listener.local_addr().expect("an address");
        let addresses: Vec<[SocketAddr; 3]> = listeners
            .iter()
            .map(|three| [address(&three[0]), address(&three[1]), address(&three[2])])
            .collect();
        let first = addresses[0];
        let secrets = Secrets::default();
        let databases =
            [("tenant", &tenant_database), ("identity", &identity_database), ("mfa", &mfa_database)];
        let vigil = Vigil::begin(secrets.clone(), databases, directory.path());
        let channels =
            |peer: &str, addresses: &[SocketAddr; 3]| channels(directory.path(), peer, addresses, &secrets);
        let mut system = Self {
            vigil,
            secrets: secrets.clone(),
            clock: ManualClock::at(start_time()),
            reference: SteeredReference::default(),
            console: Console::new(channels("console", &first)),
            operator: Console::new(channels("operator", &first)),
            tenant_database,
            identity_database,
            mfa_database,
            replicas: Vec::new(),
            directory,
        };
        let replica = |addresses| Replica { addresses, tenant: None, identity: None, mfa: None };
        system.replicas = addresses.into_iter().map(replica).collect();
        for (index, three) in listeners.into_iter().enumerate() {
            let [tenant, identity, mfa] = three;
            system.start_tenant(index, tenant).await;
            system.start_identity(index, identity).await;
            system.start_mfa(index, mfa).await;
        }
        system
    }

    /// The console's view of a replica.
    #[must_use]
    pub fn console_of(&self, replica: usize) -> Console {
        self.client_of(replica, "console")
    }

    /// A view of a replica with any peer's certificate: `console`, `operator`, `identity` …
    #[must_use]
    pub fn client_of(&self, replica: usize, peer: &str) -> Console {
        Console::new(self.channels_of(replica, peer))
    }

    /// Channels to a replica's tenant, identity and mfa with any peer's certificate, for calls that no client knows.
    #[must_use]
    pub fn channels_of(&self, replica: usize, peer: &str) -> [Witnessed; 3] {
        channels(self.directory.path(), peer, &self.replicas[replica].addresses, &self.secrets)
    }

    /// Every secret that went over the wire and is found in a database, a log line, a span or a refusal. The same is looked for
    /// when the system is dropped, and what is found then fails the test.
    #[must_use]
    pub fn leaks(&self) -> Vec<Finding> {
        self.vigil.inspect()
    }

    /// The names of the fields whose secrets have gone over the wire so far.
    #[must_use]
    pub fn secrets_seen(&self) -> BTreeSet<&'static str> {
        self.secrets.names()
    }

    /// Leaves out the search at the end: for a test that has put a secret where it must not be.
    pub const fn has_planted_leaks(&mut self) {
        self.vigil.give_up();
    }

    /// Stops one replica's tenant; its port stays taken by nobody.
    pub async fn stop_tenant(&mut self, replica: usize) {
        if let Some(app) = self.replicas[replica].tenant.take() {
            app.shutdown().await;
        }
    }

    /// Starts it again on the same port.
    pub async fn restart_tenant(&mut self, replica: usize) {
        let listener = rebind(self.replicas[replica].addresses[0]).await;
        self.start_tenant(replica, listener).await;
    }

    /// Stops one replica's mfa; its port stays taken by nobody.
    pub async fn stop_mfa(&mut self, replica: usize) {
        if let Some(app) = self.replicas[replica].mfa.take() {
            app.shutdown().await;
        }
    }

    /// Starts it again on the same port.
    pub async fn restart_mfa(&mut self, replica: usize) {
        let listener = rebind(self.replicas[replica].addresses[2]).await;
        self.start_mfa(replica, listener).await;
    }

    /// Stops one replica's identity.
    pub async fn stop_identity(&mut self, replica: usize) {
        if let Some(app) = self.replicas[replica].identity.take() {
            app.shutdown().await;
        }
    }

    /// Starts it again on the same port.
    pub async fn restart_identity(&mut self, replica: usize) {
        let listener = rebind(self.replicas[replica].addresses[1]).await;
        self.start_identity(replica, listener).await;
    }

    /// The directory of a service's keyring, which all its replicas share.
    #[must_use]
    pub fn keyring_dir(&self, service: ServiceName) -> PathBuf {
        self.directory.path().join(service.as_str())
    }

    /// Where a replica of a running service tells how it is: `/livez`, `/readyz`, `/metrics`.
    #[must_use]
    pub fn ops_addr(&self, replica: usize, service: ServiceName) -> SocketAddr {
        let replica = &self.replicas[replica];
        let app = match service {
            ServiceName::Tenant => &replica.tenant,
            ServiceName::Identity => &replica.identity,
            ServiceName::Mfa => &replica.mfa,
        };
        app.as_ref().and_then(App::ops_addr).expect("it runs")
    }

    /// Where a replica of a service takes calls.
    #[must_use]
    pub fn address(&self, replica: usize, service: ServiceName) -> SocketAddr {
        let [tenant, identity, mfa] = self.replicas[replica].addresses;
        match service {
            ServiceName::Tenant => tenant,
            ServiceName::Identity => identity,
            ServiceName::Mfa => mfa,
        }
    }

    /// The files of a peer's certificate; all replicas of a service share them.
    #[must_use]
    pub fn certificate_of(&self, peer: &str) -> TlsFiles {
        certificate(self.directory.path(), peer)
    }

    /// Waits until a replica of mfa knows that its keys do not fit; why.
    pub async fn mfa_keys_refused(&self, replica: usize) -> KeysRefused {
        self.replicas[replica].mfa.as_ref().expect("it runs").keys_refused().await
    }

    /// Why one more replica of a service does not start.
    pub async fn start_is_refused(&self, service: ServiceName) -> StartError {
        let (listener, clock) = (reserve(), self.clock.shared());
        let started = match service {
            ServiceName::Tenant => tenant::start(self.tenant_config(0, listener), clock).await,
            ServiceName::Identity => identity::start(self.identity_config(0, listener), clock).await,
            ServiceName::Mfa => mfa::start(self.mfa_config(0, listener), clock).await,
        };
        started.map(drop).expect_err("it must not start")
    }

    /// The present time of the services.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        clock::Clock::now(&self.clock)
    }

    /// Polls, bounded, for something that other processes or tasks do.
    pub async fn eventually<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !holds().await {
            assert!(tokio::time::Instant::now() < deadline, "it does not come to pass that {what}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn start_tenant(&mut self, replica: usize, listener: TcpListener) {
        let config = self.tenant_config(replica, listener);
        let app = tenant::start(config, self.clock.shared()).await.expect("tenant starts");
        self.replicas[replica].tenant = Some(app);
    }

    fn tenant_config(&self, replica: usize, listener: TcpListener) -> tenant::Config {
        tenant::Config {
            host: self.host("tenant", &self.tenant_database, listener),
            identity_addr: self.addresses_from(replica, 1),
            mfa_addr: self.addresses_from(replica, 2),
        }
    }

    async fn start_identity(&mut self, replica: usize, listener: TcpListener) {
        let config = self.identity_config(replica, listener);
        let app = identity::start(config, self.clock.shared()).await.expect("identity starts");
        self.replicas[replica].identity = Some(app);
    }

    fn identity_config(&self, replica: usize, listener: TcpListener) -> identity::Config {
        identity::Config {
            host: self.host("identity", &self.identity_database, listener),
            tenant_addr: self.addresses_from(replica, 0),
            mfa_addr: self.addresses_from(replica, 2),
            broker_peers: vec!["broker".to_owned()],
            sessions: identity::SessionConfig::default(),
            hashing: identity::HashingConfig::default(),
            delays: identity::DelayConfig::default(),
        }
    }

    async fn start_mfa(&mut self, replica: usize, listener: TcpListener) {
        let config = self.mfa_config(replica, listener);
        let app = mfa::start(config, self.clock.shared()).await.expect("mfa starts");
        self.replicas[replica].mfa = Some(app);
    }

    fn mfa_config(&self, replica: usize, listener: TcpListener) -> mfa::Config {
        mfa::Config {
            host: self.host("mfa", &self.mfa_database, listener),
            tenant_addr: self.addresses_from(replica, 0),
            identity_addr: self.addresses_from(replica, 1),
            guessing: mfa::GuessingConfig::default(),
        }
    }

    fn host(&self, service: &str, database: &TestDatabase, listener: TcpListener) -> HostConfig {
        let own = certificate(self.directory.path(), service);
        HostConfig {
            listen: listener.local_addr().expect("an address"),
            database_url: database.service_url(),
            sequencer_database_url: database.sequencer_url(),
            keyring_dir: self.directory.path().join(service),
            tls_ca: own.ca,
            tls_cert: own.cert,
            tls_key: own.key,
            trust_domain: TRUST_DOMAIN.to_owned(),
            reflection: ReflectionMode::On,
            issuer: ISSUER.to_owned(),
            log_format: LogFormat::Text,
            ntp_server: None,
            clock_tolerance_seconds: 5,
            ops: host::OpsConfig { ops_listen: ANY_PORT, ..host::OpsConfig::default() },
            clock_references: Some(self.reference.clone().into()),
            listener: Some(Arc::new(listener)),
        }
    }

    fn addresses(&self, service: usize) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.addresses[service].to_string()).collect()
    }

    /// All addresses of a service as a replica of another is told them: its own neighbour first, so that every replica is used.
    fn addresses_from(&self, replica: usize, service: usize) -> Vec<String> {
        let mut addresses = self.addresses(service);
        addresses.rotate_left(replica);
        addresses
    }
}

fn certificate(directory: &Path, peer: &str) -> TlsFiles {
    let file = |name: String| directory.join("certificates").join(name);
    TlsFiles {
        ca: file("ca.crt".to_owned()),
        cert: file(format!("{peer}.crt")),
        key: file(format!("{peer}.key")),
    }
}

fn channels(directory: &Path, peer: &str, addresses: &[SocketAddr; 3], secrets: &Secrets) -> [Witnessed; 3] {
    let tls = certificate(directory, peer);
    let channel = |service: &str, address: &SocketAddr| {
        let channel = PeerChannel::connect_lazily(vec![address.to_string()], &tls, service);
        Witnessed::new(channel.expect("a channel"), secrets.clone())
    };
    [channel("tenant", &addresses[0]), channel("identity", &addresses[1]), channel("mfa", &addresses[2])]
}

fn reserve() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener for tokio");
    listener
}

/// The port of a service that has just stopped: connections of its last moments may hold it for a moment.
async fn rebind(address: SocketAddr) -> TcpListener {
    for _ in 0..200 {
        if let Ok(listener) = TcpListener::bind(address) {
            listener.set_nonblocking(true).expect("a listener for tokio");
            return listener;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    TcpListener::bind(address).expect("the port is free again")
}
