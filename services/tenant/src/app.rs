//! All wiring of the service, top to bottom: what it is made of, how it begins and how it ends.
//!
//! Nothing is decided here, and nothing is wired anywhere else.

mod config;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::Peer;
use clock::{SharedClock, SystemClock};
use eventlog::{
    Dependents, Followed, Log, Sequencer, SequencerOptions, SequencerState, event_log_service, follow_service,
};
use keyring::Keyring;
use proto::events::{event_log_service_server, follow_service_server};
use proto::tenant::organization_facts_service_server::{self, OrganizationFactsServiceServer};
use proto::tenant::tenant_service_server::{self, TenantServiceServer};
use rpc::{PeerChannel, Readiness, RemoteAuthenticator, Server, ServerParts};
use store::{MigrationSet, PoolOptions, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use types::ServiceName;

use crate::ops::Tenant;
use crate::rpc::{FactsHandlers, Refusals, TenantHandlers};

pub use config::{Config, StartError};

/// What this service serves.
const SERVICES: &[&str] = &[
    tenant_service_server::SERVICE_NAME,
    organization_facts_service_server::SERVICE_NAME,
    event_log_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
];
/// How often readiness is looked at.
const READINESS_EVERY: Duration = Duration::from_millis(500);

/// The running service. [`App::shutdown`] ends it in order; dropping it ends it, too, without waiting.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    sequencer: Sequencer,
    store: Store,
}

impl App {
    /// Starts the service; it can be reached when this returns. Whether it is ready is `grpc.health.v1`'s to say: the
    /// database and the peers may come later, and go, and come back.
    ///
    /// # Errors
    /// What it was told cannot be used.
    pub async fn start(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        // The address, before anything that takes time.
        let server = bind(&config).await?;
        let address = server.local_addr();

        // What it has of its own: a database and keys.
        let store = Store::connect_lazily(&config.database_url, PoolOptions::default())?;
        let keyring = Arc::new(Keyring::load(&config.keyring_dir)?);

        // Its log: units append to it, the sequencer orders it, others watch it. It follows none itself.
        let sequencer = Sequencer::spawn(&config.sequencer_database_url, SequencerOptions::default())?;
        let log = Log::open(ServiceName::Tenant, store.clone(), Arc::clone(&keyring), Arc::clone(&clock));
        let followed = Followed::new(store.clone());

        // The other services: identity says who is calling, mfa puts enforcement into force.
        let peer = |addresses: &[String], name| {
            PeerChannel::connect_lazily_in(&config.trust_domain, addresses.to_vec(), &config.tls(), name)
        };
        let identity = peer(&config.identity_addr, Peer::IDENTITY)?;
        let mfa = peer(&config.mfa_addr, Peer::MFA)?;
        let authenticator = RemoteAuthenticator::new(identity, config.issuer.clone(), Arc::clone(&clock));
        let enforcers = Dependents::new(ServiceName::Tenant, log.clone(), vec![(ServiceName::Mfa, mfa)]);

        // The use cases, and the RPCs they are reached by.
        let tenant = Arc::new(Tenant { store: store.clone(), clock: Arc::clone(&clock), keyring, enforcers });
        let routes = Routes::new(TenantServiceServer::new(TenantHandlers(Arc::clone(&tenant))))
            .add_service(OrganizationFactsServiceServer::new(FactsHandlers(Arc::clone(&tenant))))
            .add_service(event_log_service(log))
            .add_service(follow_service(followed));

        // From here on it answers.
        let readiness = Readiness::default();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(watch_readiness(store.clone(), sequencer.state(), readiness.clone(), stopped.clone()));
        let parts = ServerParts {
            routes,
            authenticator: Arc::new(authenticator),
            refusals: Arc::new(Refusals(tenant)),
            clock,
            readiness,
            service_names: SERVICES,
        };
        let serving = tokio::spawn(async move {
            if let Err(error) = server.serve(parts, told_to_stop(stopped)).await {
                tracing::error!(%error, "the server does not serve");
            }
        });
        tracing::info!(%address, "tenant listens");
        Ok(Self { address, stop, serving, sequencer, store })
    }

    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, lets the ones under way end (for a few seconds), and stops.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the server was cut off");
        }
        self.sequencer.stop().await;
        self.store.close();
        tracing::info!("tenant has stopped");
    }
}

/// Runs the service until it is told to end (SIGTERM, SIGINT).
///
/// # Errors
/// As [`App::start`].
pub async fn run(config: Config) -> Result<(), StartError> {
    telemetry::init(ServiceName::Tenant.as_str(), config.log_format);
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signal)?;
    let app = App::start(config, SystemClock::shared()).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.shutdown().await;
    Ok(())
}

/// What the database needs, in this order: the event log's tables, then tenant's own. Run by its owner.
#[must_use]
pub fn migrations() -> Vec<MigrationSet> {
    vec![eventlog::migrations(), crate::store::migrations()]
}

/// Listens where it is told to, or on the listener it was given.
async fn bind(config: &Config) -> Result<Server, StartError> {
    match &config.listener {
        Some(listener) => {
            let listener = listener.try_clone().map_err(StartError::Listener)?;
            Ok(Server::from_listener(listener, config.server())?)
        }
        None => Ok(Server::bind(config.server()).await?),
    }
}

/// Keeps readiness true while the service can do its work: its database answers, and its log is being ordered, by this
/// replica's sequencer or another's. Ends when the service does: then the server itself says that it is not ready.
async fn watch_readiness(
    store: Store,
    sequencer: watch::Receiver<SequencerState>,
    readiness: Readiness,
    stopped: watch::Receiver<bool>,
) {
    let watch = async {
        loop {
            let ordered = matches!(*sequencer.borrow(), SequencerState::Leading | SequencerState::Standby);
            readiness.set(ordered && store.ping().await.is_ok());
            tokio::time::sleep(READINESS_EVERY).await;
        }
    };
    tokio::select! {
        () = watch => {}
        () = told_to_stop(stopped) => {}
    }
}

/// Completes when the service is told to stop, or nobody is left to tell it.
async fn told_to_stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
