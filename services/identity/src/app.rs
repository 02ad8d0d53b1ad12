//! All wiring of the service, top to bottom: what it is told, what it is made of.
//!
//! Nothing is decided here, and nothing is wired anywhere else. What all services have in common is `host`'s.

mod config;

use std::sync::Arc;
use std::time::Duration;

use ::store::MigrationSet;
use access::Peer;
use clock::SharedClock;
use eventlog::RemotePlaces;
use host::{App, Foundation, HostConfig, StartError};
use proto::events::{event_log_service_server, follow_service_server};
use proto::identity::session_service_server::{self, SessionServiceServer};
use proto::identity::sign_in_service_server::{self, SignInServiceServer};
use proto::identity::user_facts_service_server::{self, UserFactsServiceServer};
use proto::identity::user_service_server::{self, UserServiceServer};
use proto::keys::key_service_server;
use telemetry::{metrics, names};
use tonic::service::Routes;
use types::ServiceName;

use crate::ops::{AccessTokens, Identity, Parts, PasswordPool, RefusalCounter, SealedSecrets, SignInDelays};
use crate::peers::follow_mfa::FollowMfa;
use crate::peers::follow_tenant::FollowTenant;
use crate::peers::mfa::RemoteMfa;
use crate::peers::tenant::RemoteTenant;
use crate::rpc::{Facts, Sessions, SignIns, Users};

pub use config::{Config, DelayConfig, HashingConfig, SessionConfig};

/// What this service serves.
const SERVICES: &[&str] = &[
    user_service_server::SERVICE_NAME,
    user_facts_service_server::SERVICE_NAME,
    sign_in_service_server::SERVICE_NAME,
    session_service_server::SERVICE_NAME,
    event_log_service_server::SERVICE_NAME,
    follow_service_server::SERVICE_NAME,
    key_service_server::SERVICE_NAME,
];
/// How often what has been dead for long is removed.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// How often refusals that leave no event of their own are summed up: one event of a cause at most in this time.
const SUMMARIZE_EVERY: Duration = Duration::from_secs(60);

/// Starts the service; it can be reached when this returns. Whether it is ready is `grpc.health.v1`'s to say: the database
/// and the peers may come later, and go, and come back.
///
/// # Errors
/// What it was told cannot be used.
pub async fn start(config: Config, clock: SharedClock) -> Result<App, StartError> {
    let (lifetimes, pool_size, brokers) = (config.lifetimes(), config.pool_size(), config.brokers());
    let delays = config.delays.thresholds();
    let signing_key_life = config.sessions.signing_key_life();
    let issuer = config.host.issuer.clone();
    let mut foundation =
        Foundation::lay(ServiceName::Identity, config.host, clock, SealedSecrets, &migrations()).await?;

    // Both other services are asked and followed; mfa must have applied the `enforce_mfa` of a created user, and every
    // change of a user's authority.
    let tenant = foundation.peer(&config.tenant_addr, Peer::TENANT)?;
    let mfa = foundation.peer(&config.mfa_addr, Peer::MFA)?;
    let places = RemotePlaces::new(tenant.clone());
    foundation.follow(&tenant, FollowTenant);
    foundation.follow(&mfa, FollowMfa);
    let dependents = foundation.dependents(vec![(ServiceName::Mfa, mfa.clone())]);

    // The use cases, and the RPCs they are reached by. This service knows its bearers by itself.
    let (store, clock, keyring) =
        (foundation.store.clone(), Arc::clone(&foundation.clock), Arc::clone(&foundation.keyring));
    let passwords = PasswordPool::new(pool_size)?;
    observe_queue(passwords.clone());
    let identity = Identity::new(Parts {
        tokens: AccessTokens::new(store.clone(), Arc::clone(&clock), Arc::clone(&keyring), issuer),
        passwords,
        delays: SignInDelays::new(delays),
        refusals: RefusalCounter::default(),
        mfa: Arc::new(RemoteMfa::new(mfa)),
        tenant: Arc::new(RemoteTenant::new(tenant)),
        store,
        clock,
        keyring,
        dependents,
        clock_guard: foundation.clock_guard.clone(),
        brokers,
        lifetimes,
    });
    foundation.chore(expire(identity.clone()));
    foundation.chore(turn_signing_keys(identity.clone(), signing_key_life));
    foundation.chore(summarize_refusals(identity.clone()));
    let checked = identity.clone();
    foundation.ready_when("signing_keys", move || unusable_keys(checked.clone()));
    let routes = Routes::new(UserServiceServer::new(Users(identity.clone())))
        .add_service(UserFactsServiceServer::new(Facts(identity.clone())))
        .add_service(SignInServiceServer::new(SignIns(identity.clone())))
        .add_service(SessionServiceServer::new(Sessions(identity.clone())));
    Ok(foundation.serve(routes, SERVICES, identity.clone(), identity, places))
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
    const NAME: ServiceName = ServiceName::Identity;
    const ABOUT: &'static str = "Users, sign-ins, sessions and access tokens.";

    fn migrations() -> Vec<MigrationSet> {
        migrations()
    }

    fn peers(config: &Config) -> Vec<(&'static str, &[String])> {
        vec![(Peer::TENANT, &config.tenant_addr), (Peer::MFA, &config.mfa_addr)]
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

/// What the database needs, in this order: the event log's tables, the keyring's, then identity's own. Run by its owner.
#[must_use]
pub fn migrations() -> Vec<MigrationSet> {
    vec![eventlog::migrations(), host::migrations(), crate::store::migrations()]
}

/// Why the signing keys in the database cannot be used, if there are any. One that does not open is an alarm.
async fn unusable_keys(identity: Identity) -> Option<String> {
    let fault = identity.tokens.reload().await.err()?;
    tracing::warn!(%fault, cause = ?fault.cause(), "the signing keys cannot be used");
    Some(format!("the signing keys cannot be used: {fault}"))
}

fn observe_queue(passwords: PasswordPool) {
    let about = "Callers that run or wait for a password hash";
    metrics::observe(names::METRIC_HASHING_QUEUE, "", about, move |tell| {
        tell(u32::try_from(passwords.taken()).map_or(f64::from(u32::MAX), f64::from), &[]);
    });
}

async fn expire(identity: Identity) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        if let Err(fault) = identity.expire().await {
            tracing::warn!(%fault, "what has expired could not be removed");
        }
    }
}

async fn turn_signing_keys(identity: Identity, life: time::Duration) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        if let Err(fault) = identity.turn_signing_keys(life).await {
            tracing::warn!(%fault, cause = ?fault.cause(), "the signing keys could not be looked after");
        }
    }
}

async fn summarize_refusals(identity: Identity) {
    loop {
        tokio::time::sleep(SUMMARIZE_EVERY).await;
        if let Err(fault) = identity.summarize_refusals().await {
            tracing::warn!(%fault, "refused attempts could not be summed up");
        }
    }
}
