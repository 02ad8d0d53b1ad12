//! All wiring of the service, top to bottom: what it is made of, how it begins and how it ends.
//!
//! Nothing is decided here, and nothing is wired anywhere else.

mod config;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::rpc::{PeerChannel, Readiness, ServeError, Server, ServerParts};
use ::store::{MigrationSet, PoolOptions, Store};
use access::Peer;
use clock::{SharedClock, SystemClock};
use eventlog::{
    Dependents, Followed, Follower, Log, Sequencer, SequencerOptions, SequencerState, event_log_service,
    follow_service,
};
use keyring::Keyring;
use proto::events::{event_log_service_server, follow_service_server};
use proto::identity::session_service_server::{self, SessionServiceServer};
use proto::identity::sign_in_service_server::{self, SignInServiceServer};
use proto::identity::user_facts_service_server::{self, UserFactsServiceServer};
use proto::identity::user_service_server::{self, UserServiceServer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use types::ServiceName;

use crate::ops::{AccessTokens, Identity, Parts, PasswordPool};
use crate::peers::follow_mfa::FollowMfa;
use crate::peers::follow_tenant::FollowTenant;
use crate::peers::mfa::RemoteMfa;
use crate::peers::tenant::RemoteTenant;
use crate::rpc::{Facts, Sessions, SignIns, Users};

pub use config::{Config, HashingConfig, SessionConfig, StartError};

/// What this service serves.
const SERVICES: &[&str] = &[
    user_service_server::SERVICE_NAME,
    user_facts_service_server::SERVICE_NAME,
    sign_in_service_server::SERVICE_NAME,
    session_service_server::SERVICE_NAME,
    event_log_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
];
/// How often readiness is looked at.
const READINESS_EVERY: Duration = Duration::from_millis(500);
/// How often what has been dead for long is removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// The running service. It is to be ended with [`App::shutdown`].
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), ServeError>>,
    background: Vec<JoinHandle<()>>,
    followers: [Follower; 2],
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

        // Its log: units append to it, the sequencer orders it, others watch it.
        let sequencer = Sequencer::spawn(&config.sequencer_database_url, SequencerOptions::default())?;
        let log = Log::open(ServiceName::Identity, store.clone(), Arc::clone(&keyring), Arc::clone(&clock));

        // The other services: asked directly, and followed.
        let peer =
            |addresses: &[String], name| PeerChannel::connect_lazily(addresses.to_vec(), &config.tls(), name);
        let tenant = peer(&config.tenant_addr, Peer::TENANT)?;
        let mfa = peer(&config.mfa_addr, Peer::MFA)?;
        let followers = [
            Follower::spawn(store.clone(), Arc::clone(&clock), tenant.clone(), Arc::new(FollowTenant)),
            Follower::spawn(store.clone(), Arc::clone(&clock), mfa.clone(), Arc::new(FollowMfa)),
        ];
        let followed = Followed::new(store.clone());
        // mfa applies `enforce_mfa` of a created user.
        let dependents =
            Dependents::new(ServiceName::Identity, log.clone(), vec![(ServiceName::Mfa, mfa.clone())]);

        // The use cases, and the RPCs they are reached by.
        let identity = Identity::new(Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            keyring: Arc::clone(&keyring),
            passwords: PasswordPool::new(config.pool_size()).map_err(StartError::Passwords)?,
            tokens: AccessTokens::new(store.clone(), Arc::clone(&clock), keyring, config.issuer.clone()),
            mfa: Arc::new(RemoteMfa::new(mfa)),
            tenant: Arc::new(RemoteTenant::new(tenant)),
            dependents,
            lifetimes: config.lifetimes(),
        });
        let routes = Routes::new(UserServiceServer::new(Users(identity.clone())))
            .add_service(UserFactsServiceServer::new(Facts(identity.clone())))
            .add_service(SignInServiceServer::new(SignIns(identity.clone())))
            .add_service(SessionServiceServer::new(Sessions(identity.clone())))
            .add_service(event_log_service(log))
            .add_service(follow_service(followed));

        // From here on it answers.
        let readiness = Readiness::default();
        let background = vec![
            tokio::spawn(watch_readiness(identity.clone(), sequencer.state(), readiness.clone())),
            tokio::spawn(expire(identity.clone())),
        ];
        let parts = ServerParts {
            routes,
            authenticator: Arc::new(identity.clone()),
            refusals: Arc::new(identity),
            clock,
            readiness,
            service_names: SERVICES,
        };
        let (stop, mut stopped) = watch::channel(false);
        let told_to_stop = async move { drop(stopped.wait_for(|stop| *stop).await) };
        let serving = tokio::spawn(server.serve(parts, told_to_stop));
        tracing::info!(%address, "identity listens");
        Ok(Self { address, stop, serving, background, followers, sequencer, store })
    }

    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, lets the ones under way end (for a few seconds), and stops.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server did not serve"),
            Err(error) => tracing::error!(%error, "the server was cut off"),
        }
        for task in &self.background {
            task.abort();
        }
        for follower in self.followers {
            follower.stop().await;
        }
        self.sequencer.stop().await;
        self.store.close();
        tracing::info!("identity has stopped");
    }
}

/// Runs the service until it is told to end (SIGTERM, SIGINT).
///
/// # Errors
/// As [`App::start`].
pub async fn run(config: Config) -> Result<(), StartError> {
    // Whoever runs several services in one process has set logging up already.
    telemetry::init(ServiceName::Identity.as_str(), config.log_format);
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

/// What the database needs, in this order: the event log's tables, then identity's own. Run by its owner.
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

/// Keeps readiness true while the service can do its work: its log is being ordered, by this replica's sequencer or
/// another's, its database answers, and the signing key in it opens.
async fn watch_readiness(
    identity: Identity,
    sequencer: watch::Receiver<SequencerState>,
    readiness: Readiness,
) {
    loop {
        let ordered = matches!(*sequencer.borrow(), SequencerState::Leading | SequencerState::Standby);
        let usable = match identity.tokens.reload().await {
            Ok(()) => true,
            Err(fault) => {
                tracing::warn!(%fault, cause = ?fault.cause(), "not ready");
                false
            }
        };
        readiness.set(ordered && usable);
        tokio::time::sleep(READINESS_EVERY).await;
    }
}

async fn expire(identity: Identity) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        if let Err(fault) = identity.expire().await {
            tracing::warn!(%fault, "what has expired could not be removed");
        }
    }
}
