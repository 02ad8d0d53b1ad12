//! All wiring of the service, top to bottom: what it is told, what it is made of.
//!
//! Nothing is decided here, and nothing is wired anywhere else. What all services have in common is `host`'s.

use std::sync::Arc;

use access::Peer;
use clock::SharedClock;
use host::{App, Foundation, HostConfig, NoSecrets, StartError};
use proto::events::{event_log_service_server, follow_service_server};
use proto::keys::key_service_server;
use proto::tenant::organization_facts_service_server::{self, OrganizationFactsServiceServer};
use proto::tenant::tenant_service_server::{self, TenantServiceServer};
use store::MigrationSet;
use tonic::service::Routes;
use types::ServiceName;

use crate::ops::Tenant;
use crate::rpc::{FactsHandlers, OwnPlaces, Refusals, TenantHandlers};

/// What this service serves.
const SERVICES: &[&str] = &[
    tenant_service_server::SERVICE_NAME,
    organization_facts_service_server::SERVICE_NAME,
    event_log_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
    key_service_server::SERVICE_NAME,
];

/// What the service is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub host: HostConfig,
    /// identity's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_IDENTITY_ADDR", value_delimiter = ',', required = true)]
    pub identity_addr: Vec<String>,
    /// mfa's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_MFA_ADDR", value_delimiter = ',', required = true)]
    pub mfa_addr: Vec<String>,
}

/// Starts the service; it can be reached when this returns. Whether it is ready is `grpc.health.v1`'s to say: the database
/// and the peers may come later, and go, and come back.
///
/// # Errors
/// What it was told cannot be used.
pub async fn start(config: Config, clock: SharedClock) -> Result<App, StartError> {
    let foundation =
        Foundation::lay(ServiceName::Tenant, config.host, clock, NoSecrets, &migrations()).await?;

    // identity says who is calling; mfa puts enforcement into force; what becomes of an organisation concerns both.
    // tenant follows nobody.
    let identity = foundation.peer(&config.identity_addr, Peer::IDENTITY)?;
    let mfa = foundation.peer(&config.mfa_addr, Peer::MFA)?;
    let authenticator = foundation.remote_authenticator(identity.clone());

    // The use cases, and the RPCs they are reached by.
    let tenant = Arc::new(Tenant {
        store: foundation.store.clone(),
        clock: Arc::clone(&foundation.clock),
        keyring: Arc::clone(&foundation.keyring),
        enforcers: foundation.dependents(vec![(ServiceName::Mfa, mfa.clone())]),
        dependents: foundation.dependents(vec![(ServiceName::Identity, identity), (ServiceName::Mfa, mfa)]),
        clock_guard: foundation.clock_guard.clone(),
    });
    let routes = Routes::new(TenantServiceServer::new(TenantHandlers(Arc::clone(&tenant))))
        .add_service(OrganizationFactsServiceServer::new(FactsHandlers(Arc::clone(&tenant))));
    let places = OwnPlaces(Arc::clone(&tenant));
    Ok(foundation.serve(routes, SERVICES, authenticator, Refusals(tenant), places))
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
    const NAME: ServiceName = ServiceName::Tenant;
    const ABOUT: &'static str = "The tree of organisations: provider, resellers, companies.";

    fn migrations() -> Vec<MigrationSet> {
        migrations()
    }

    fn peers(config: &Config) -> Vec<(&'static str, &[String])> {
        vec![(Peer::IDENTITY, &config.identity_addr), (Peer::MFA, &config.mfa_addr)]
    }

    fn check(_: &Config) -> Result<(), StartError> {
        Ok(())
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

/// What the database needs, in this order: the event log's tables, the keyring's, then tenant's own. Run by its owner.
#[must_use]
pub fn migrations() -> Vec<MigrationSet> {
    vec![eventlog::migrations(), host::migrations(), crate::store::migrations()]
}
