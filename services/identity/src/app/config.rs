//! What the service is told, and why it may not start with it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use fault::Fault;
use keyring::KeyringError;
use rpc::{ConnectError, Limits, ReflectionMode, ServeError, ServerOptions, TlsFiles};
use store::StoreError;
use telemetry::LogFormat;
use time::Duration;

use crate::domain::session::Lifetimes;
use crate::ops::PoolSize;

/// What the service is told. Every setting is also an environment variable, so that passwords need not stand in arguments.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Where to listen.
    #[arg(long, env = "COUNTERSIGN_LISTEN", default_value = "127.0.0.1:7402")]
    pub listen: SocketAddr,
    /// The database, as the service's role.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The same database, as the sequencer's role.
    #[arg(long, env = "COUNTERSIGN_SEQUENCER_DATABASE_URL", hide_env_values = true)]
    pub sequencer_database_url: String,
    /// The directory of the keys that seal signing keys and authenticate cursors and page tokens.
    #[arg(long, env = "COUNTERSIGN_KEYRING_DIR")]
    pub keyring_dir: PathBuf,
    /// The authorities of peers' certificates, PEM.
    #[arg(long, env = "COUNTERSIGN_TLS_CA")]
    pub tls_ca: PathBuf,
    /// This service's certificate, PEM.
    #[arg(long, env = "COUNTERSIGN_TLS_CERT")]
    pub tls_cert: PathBuf,
    /// The certificate's key, PEM.
    #[arg(long, env = "COUNTERSIGN_TLS_KEY")]
    pub tls_key: PathBuf,
    /// The SPIFFE trust domain of peers' certificates.
    #[arg(long, env = "COUNTERSIGN_TRUST_DOMAIN", default_value = "countersign.local")]
    pub trust_domain: String,
    /// Who may ask for the API's description: off, operators or on.
    #[arg(long, env = "COUNTERSIGN_REFLECTION", default_value = "operators")]
    pub reflection: ReflectionMode,
    /// The issuer named in access tokens.
    #[arg(long, env = "COUNTERSIGN_ISSUER", default_value = "https://countersign.local")]
    pub issuer: String,
    /// tenant's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_TENANT_ADDR", value_delimiter = ',', required = true)]
    pub tenant_addr: Vec<String>,
    /// mfa's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_MFA_ADDR", value_delimiter = ',', required = true)]
    pub mfa_addr: Vec<String>,
    /// How long sessions live.
    #[command(flatten)]
    pub sessions: SessionConfig,
    /// How much hashing may go on at once.
    #[command(flatten)]
    pub hashing: HashingConfig,
    /// The form of log lines on stderr: json or text.
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// A listener that exists already, instead of `listen`: tests know their ports before they start anything.
    #[arg(skip)]
    pub listener: Option<Arc<TcpListener>>,
}

/// How long sessions live: at most what NIST SP 800-63B-4 asks of AAL2.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct SessionConfig {
    /// Seconds after which a session that is not refreshed is over; at most an hour.
    #[arg(long, env = "COUNTERSIGN_SESSION_IDLE_SECONDS", default_value = "3600",
          value_parser = clap::value_parser!(u32).range(60..=3_600))]
    pub session_idle_seconds: u32,
    /// Seconds after which a session is over, whatever happens; at most a day.
    #[arg(long, env = "COUNTERSIGN_SESSION_ABSOLUTE_SECONDS", default_value = "86400",
          value_parser = clap::value_parser!(u32).range(60..=86_400))]
    pub session_absolute_seconds: u32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { session_idle_seconds: 3_600, session_absolute_seconds: 86_400 }
    }
}

/// How much hashing may go on at once.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct HashingConfig {
    /// Password hashes computed at once, 19 MiB each; default: one for each core.
    #[arg(long, env = "COUNTERSIGN_HASHING_PERMITS")]
    pub hashing_permits: Option<u16>,
    /// Callers that may wait for their hash; default: 64 for each permit.
    #[arg(long, env = "COUNTERSIGN_HASHING_QUEUE")]
    pub hashing_queue: Option<u16>,
}

impl Config {
    /// Where the certificates lie.
    pub(super) fn tls(&self) -> TlsFiles {
        TlsFiles { ca: self.tls_ca.clone(), cert: self.tls_cert.clone(), key: self.tls_key.clone() }
    }

    /// What the server needs to know.
    pub(super) fn server(&self) -> ServerOptions {
        ServerOptions {
            listen: self.listen,
            tls: self.tls(),
            trust_domain: self.trust_domain.clone(),
            reflection: self.reflection,
            limits: Limits::default(),
        }
    }

    /// How long sessions live.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            idle: Duration::seconds(self.sessions.session_idle_seconds.into()),
            absolute: Duration::seconds(self.sessions.session_absolute_seconds.into()),
            ..Lifetimes::default()
        }
    }

    /// How much hashing may go on at once.
    pub(super) fn pool_size(&self) -> PoolSize {
        let default = PoolSize::default();
        let permits =
            self.hashing.hashing_permits.map_or(default.permits, |permits| usize::from(permits.max(1)));
        let queue = self.hashing.hashing_queue.map_or(permits * 64, usize::from);
        PoolSize { permits, queue }
    }
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be reached.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The given listener cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(std::io::Error),
    /// The address of the database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A peer's address or the certificates cannot be used.
    #[error(transparent)]
    Peer(#[from] ConnectError),
    /// The password pool cannot be made.
    #[error("the password pool cannot be made: {0}")]
    Passwords(Fault),
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to: {0}")]
    Signal(std::io::Error),
}
