//! The parts every service is made of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::Authenticator;
use clock::SharedClock;
use eventlog::{
    Dependents, Follow, Followed, Follower, Log, Places, Sequencer, SequencerOptions, event_log_service,
    follow_service,
};
use keyring::Keyring;
use rpc::{PeerChannel, Readiness, RefusalSink, RemoteAuthenticator, Server, ServerParts};
use store::{MigrationSet, SchemaNeed, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use types::ServiceName;

use crate::clock_guard::{ClockGuard, ClockReference, Ntp, PostgreSql};
use crate::keys::{Keys, Secrets, Standing, key_service};
use crate::measures::{self, Measures};
use crate::ops_port::OpsPort;
use crate::readiness::{Check, Conditions};
use crate::report::Board;
use crate::{App, HostConfig, StartError};

/// How long a service waits, at its start, for the first look at its clock: where the database is up, that is in time.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// A service's own parts - address, database, keys, log - and what is built on them until it serves.
pub struct Foundation {
    /// The service's database.
    pub store: Store,
    /// The service's clock.
    pub clock: SharedClock,
    /// The service's keys.
    pub keyring: Arc<Keyring>,
    /// Whether the service's clock is known to be right.
    pub clock_guard: ClockGuard,
    pulse: Store,
    service: ServiceName,
    config: HostConfig,
    server: Server,
    keys: Keys,
    log: Log,
    sequencer: Sequencer,
    followers: Vec<Follower>,
    chores: Vec<JoinHandle<()>>,
    checks: Vec<(&'static str, Check)>,
    schema: Vec<SchemaNeed>,
    board: Board,
    ops_port: Option<OpsPort>,
}

impl Foundation {
    /// Takes the addresses first, before anything that takes time; then opens what the service has of its own. The
    /// database may come later, and go, and come back; until it has said that the keys fit, no call is taken, and until it is at the
    /// level of `migrations`, the service is not ready.
    ///
    /// # Errors
    /// What it was told cannot be used. [`StartError::Keys`]: what is stored was made with other keys; nothing was changed.
    pub async fn lay(
        service: ServiceName,
        config: HostConfig,
        clock: SharedClock,
        secrets: impl Secrets,
        migrations: &[MigrationSet],
    ) -> Result<Self, StartError> {
        let server = match &config.listener {
            Some(listener) => {
                let listener = listener.try_clone().map_err(StartError::Listener)?;
                Server::from_listener(listener, config.server())?
            }
            None => Server::bind(config.server()).await?,
        };
        let board = Board::new(service);
        let ops_port = ops_port(&config, &board).await?;
        let store = Store::connect_lazily(&config.database_url, config.ops.pool())?;
        // Whether the database answers is asked beside the work, which may have all other connections.
        let pulse = store.apart()?;
        let keyring = Arc::new(Keyring::load(&config.keyring_dir)?);
        // Before anything runs beside: what must not start leaves nothing behind.
        let keys =
            Keys::check(service, store.clone(), Arc::clone(&keyring), Arc::clone(&clock), secrets).await?;
        // Units append to the log, the sequencer orders it, others watch it.
        let sequencer = Sequencer::spawn(&config.sequencer_database_url, SequencerOptions::default())?;
        let log = Log::open(service, store.clone(), Arc::clone(&keyring), Arc::clone(&clock));
        let clock_guard =
            ClockGuard::spawn(Arc::clone(&clock), references(&config, &pulse), config.clock_guard());
        drop(tokio::time::timeout(FIRST_LOOK, clock_guard.looked()).await);
        Ok(Self {
            store,
            pulse,
            clock,
            keyring,
            clock_guard,
            service,
            config,
            server,
            keys,
            log,
            sequencer,
            followers: Vec::new(),
            chores: Vec::new(),
            checks: Vec::new(),
            schema: migrations.iter().map(MigrationSet::need).collect(),
            board,
            ops_port,
        })
    }

    /// A channel to another service.
    ///
    /// # Errors
    /// The addresses or the certificates cannot be used.
    pub fn peer(&self, addresses: &[String], name: &str) -> Result<PeerChannel, StartError> {
        let channel = PeerChannel::connect_lazily_in(
            &self.config.trust_domain,
            addresses.to_vec(),
            &self.config.tls(),
            name,
        )?;
        Ok(channel)
    }

    /// Applies another service's events from now on.
    pub fn follow(&mut self, upstream: &PeerChannel, follow: impl Follow) {
        let follower =
            Follower::spawn(self.store.clone(), Arc::clone(&self.clock), upstream.clone(), Arc::new(follow));
        self.followers.push(follower);
    }

    /// The services that must have applied a change of this one before it is acknowledged.
    #[must_use]
    pub fn dependents(&self, peers: Vec<(ServiceName, PeerChannel)>) -> Dependents {
        Dependents::new(self.service, self.log.clone(), peers)
    }

    /// Who establishes the user of a bearer token, for every service but identity itself.
    #[must_use]
    pub fn remote_authenticator(&self, identity: PeerChannel) -> RemoteAuthenticator {
        RemoteAuthenticator::new(identity, self.config.issuer.clone(), Arc::clone(&self.clock))
    }

    /// Runs something beside the service, for as long as the service runs.
    pub fn chore(&mut self, chore: impl Future<Output = ()> + Send + 'static) {
        self.chores.push(tokio::spawn(chore));
    }

    /// Adds a condition of readiness, besides those every service has: a database that answers and is migrated, keys that fit, a
    /// certificate that is valid, a log that is being ordered, a clock that is right, followed logs that no event blocks. `check`
    /// answers what stands in the way, in words for an operator. While it does, calls should go to another replica.
    pub fn ready_when<F>(&mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Option<String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
    }

    /// Serves the service's own routes, its log, how far it has followed others, and its keys. `names` are all services in them; `places`
    /// says where organisations stand of which the log has nothing to tell yet.
    pub fn serve(
        mut self,
        routes: Routes,
        names: &'static [&'static str],
        authenticator: impl Authenticator + 'static,
        refusals: impl RefusalSink + 'static,
        places: impl Places,
    ) -> App {
        let address: SocketAddr = self.server.local_addr();
        let routes = routes
            .add_service(event_log_service(self.log.clone(), places))
            .add_service(follow_service(Followed::new(self.store.clone())))
            .add_service(key_service(self.keys.clone()));
        let standing = self.keys.standing();
        let is_usable = *standing.borrow() == Standing::Usable;
        let readiness = if is_usable { Readiness::default() } else { Readiness::closed() };
        self.chores.push(tokio::spawn(self.keys.keep(readiness.clone())));
        let followed = |follower: &Follower| measures::Followed {
            log: follower.log(),
            state: follower.state(),
            heard: follower.heard(),
        };
        let measures = Measures {
            board: self.board.clone(),
            store: self.store.clone(),
            certificate: self.server.certificate(),
            sequencer: self.sequencer.state(),
            clock_guard: self.clock_guard.clone(),
            followers: self.followers.iter().map(followed).collect(),
            log: self.log,
        };
        self.chores.push(tokio::spawn(measures.tell()));
        let (stopping, told_to_stop) = watch::channel(false);
        let conditions = Conditions {
            board: self.board.clone(),
            store: self.pulse,
            schema: self.schema,
            keys: standing.clone(),
            certificate: self.server.certificate(),
            sequencer: self.sequencer.state(),
            clock_guard: self.clock_guard,
            followers: self.followers.iter().map(Follower::state).collect(),
            checks: self.checks,
            stopping: told_to_stop,
        };
        let watching = tokio::spawn(conditions.watch(readiness.clone()));
        let parts = ServerParts {
            routes,
            authenticator: Arc::new(authenticator),
            refusals: Arc::new(refusals),
            clock: self.clock,
            readiness,
            service_names: names,
        };
        let (stop, mut stopped) = watch::channel(false);
        let told_to_stop = async move { drop(stopped.wait_for(|stop| *stop).await) };
        let (serves, is_over) = watch::channel(());
        let server = self.server;
        let serving = tokio::spawn(async move {
            let _serves = serves;
            server.serve(parts, told_to_stop).await
        });
        tracing::info!(%address, "{} listens", self.service);
        App {
            service: self.service,
            address,
            stopping,
            watching,
            stop_delay: self.config.ops.stop_delay(),
            stop,
            serving,
            is_over,
            chores: self.chores,
            followers: self.followers,
            sequencer: self.sequencer,
            store: self.store,
            keys: standing,
            board: self.board,
            ops_port: self.ops_port,
        }
    }
}

async fn ops_port(config: &HostConfig, board: &Board) -> Result<Option<OpsPort>, StartError> {
    let Some(address) = config.ops.ops_listen.0 else { return Ok(None) };
    let opened = OpsPort::open(address, board.clone()).await;
    opened.map(Some).map_err(|source| StartError::OpsPort { address, source })
}

/// What the clock is compared with: the database's clock, and an NTP server where one is given.
fn references(config: &HostConfig, store: &Store) -> Vec<Arc<dyn ClockReference>> {
    if let Some(other) = &config.clock_references {
        return other.references.clone();
    }
    let mut references: Vec<Arc<dyn ClockReference>> = vec![Arc::new(PostgreSql(store.clone()))];
    if let Some(server) = config.ntp_server.as_deref().filter(|server| !server.is_empty()) {
        references.push(Arc::new(Ntp::at(server)));
    }
    references
}
