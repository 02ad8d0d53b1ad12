//! All wiring of the service, top to bottom: what it is told, what it is made of.
//!
//! Nothing is decided here, and nothing is wired anywhere else. What all services have in common is `host`'s.

mod guessing;

use std::sync::Arc;
use std::time::Duration;

use access::Peer;
use clock::SharedClock;
use eventlog::RemotePlaces;
use host::{App, Foundation, HostConfig, StartError};
use proto::events::{event_log_service_server, follow_service_server};
use proto::keys::key_service_server;
use proto::mfa::enforcement_service_server::{self, EnforcementServiceServer};
use proto::mfa::factor_service_server::{self, FactorServiceServer};
use proto::mfa::verification_service_server::{self, VerificationServiceServer};
use store::MigrationSet;
use tonic::service::Routes;
use types::ServiceName;

use crate::ops::{Mfa, SealedSecrets};
use crate::peers::{FollowIdentity, FollowTenant, IdentityClient, TenantClient};
use crate::rpc::{EnforcementHandlers, FactorHandlers, Refusals, VerificationHandlers};

pub use guessing::GuessingConfig;

/// What this service serves.
const SERVICES: &[&str] = &[
    enforcement_service_server::SERVICE_NAME,
    factor_service_server::SERVICE_NAME,
    verification_service_server::SERVICE_NAME,
    event_log_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
    key_service_server::SERVICE_NAME,
];
/// How long a sign-in waits for the creation of its user or organisation to arrive over the followed logs.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the service is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub host: HostConfig,
    /// tenant's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_TENANT_ADDR", value_delimiter = ',', required = true)]
    pub tenant_addr: Vec<String>,
    /// identity's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_IDENTITY_ADDR", value_delimiter = ',', required = true)]
    pub identity_addr: Vec<String>,
    /// How much guessing is borne.
    #[command(flatten)]
    pub guessing: GuessingConfig,
}

/// Starts the service; it can be reached when this returns. Whether it is ready is `grpc.health.v1`'s to say: the database
/// and the peers may come later, and go, and come back.
///
/// # Errors
/// What it was told cannot be used.
pub async fn start(config: Config, clock: SharedClock) -> Result<App, StartError> {
    let thresholds = config.guessing.thresholds().map_err(StartError::setting)?;
    let mut foundation =
        Foundation::lay(ServiceName::Mfa, config.host, clock, SealedSecrets, &migrations()).await?;

    // Both other services are asked and followed; identity must have applied a change before it is acknowledged.
    let tenant = foundation.peer(&config.tenant_addr, Peer::TENANT)?;
    let identity = foundation.peer(&config.identity_addr, Peer::IDENTITY)?;
    let places = RemotePlaces::new(tenant.clone());
    foundation.follow(&tenant, FollowTenant);
    foundation.follow(&identity, FollowIdentity);
    let dependents = foundation.dependents(vec![(ServiceName::Identity, identity.clone())]);
    let authenticator = foundation.remote_authenticator(identity.clone());

    // The use cases, and the RPCs they are reached by.
    let mfa = Arc::new(Mfa {
        store: foundation.store.clone(),
        clock: Arc::clone(&foundation.clock),
        keyring: Arc::clone(&foundation.keyring),
        tenant: Arc::new(TenantClient(tenant)),
        identity: Arc::new(IdentityClient(identity)),
        in_force: Arc::new(dependents),
        clock_trust: Arc::new(foundation.clock_guard.clone()),
        thresholds,
        patience: PATIENCE,
    });
    let expiring = Arc::clone(&mfa);
    foundation.chore(async move { expiring.expire_hourly().await });
    let folding = Arc::clone(&mfa);
    foundation.chore(async move { folding.fold_adoption_forever().await });
    let measuring = Arc::clone(&mfa);
    foundation.chore(async move { measuring.measure_adoption_forever().await });
    let routes = Routes::new(EnforcementServiceServer::new(EnforcementHandlers(Arc::clone(&mfa))))
        .add_service(FactorServiceServer::new(FactorHandlers(Arc::clone(&mfa))))
        .add_service(VerificationServiceServer::new(VerificationHandlers(Arc::clone(&mfa))));
    Ok(foundation.serve(routes, SERVICES, authenticator, Refusals(mfa), places))
}

/// Runs the service until it is told to end (SIGTERM, SIGINT), or until `until` is over.
///
/// # Errors
/// As [`start`].
pub async fn run(config: Config, until: impl Future<Output = ()>) -> Result<(), StartError> {
    host::run::<Program>(config, until).await
}

/// The service as a program.
#[derive(Debug, Clone, Copy)]
pub struct Program;

impl host::Service for Program {
    type Config = Config;
    const NAME: ServiceName = ServiceName::Mfa;
    const ABOUT: &'static str = "Enforcement policy, factors and verification.";

    fn migrations() -> Vec<MigrationSet> {
        migrations()
    }

    fn peers(config: &Config) -> Vec<(&'static str, &[String])> {
        vec![(Peer::TENANT, &config.tenant_addr), (Peer::IDENTITY, &config.identity_addr)]
    }

    fn check(config: &Config) -> Result<(), StartError> {
        config.guessing.thresholds().map(drop).map_err(StartError::setting)
    }

    async fn start(config: Config, clock: SharedClock) -> Result<App, StartError> {
        start(config, clock).await
    }
}

impl AsRef<HostConfig> for Config {
    fn as_ref(&self) -> &HostConfig {
        &self.host
    }
}

/// What the database needs, in this order: the event log's tables, the keyring's, then mfa's own. Run by its owner.
#[must_use]
pub fn migrations() -> Vec<MigrationSet> {
    vec![eventlog::migrations(), host::migrations(), crate::store::migrations()]
}
