//! What the service is told, and why it may not start with it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use keyring::KeyringError;
use rpc::{ConnectError, Limits, ReflectionMode, ServeError, ServerOptions, TlsFiles};
use store::StoreError;
use telemetry::LogFormat;

/// What the service is told. Every setting is also an environment variable, so that passwords need not stand in arguments.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// Where to listen.
    #[arg(long, env = "COUNTERSIGN_LISTEN", default_value = "127.0.0.1:7403")]
    pub listen: SocketAddr,
    /// The database, as the service's role.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The same database, as the sequencer's role.
    #[arg(long, env = "COUNTERSIGN_SEQUENCER_DATABASE_URL", hide_env_values = true)]
    pub sequencer_database_url: String,
    /// The directory of the keys that seal secrets and authenticate cursors.
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
    /// Who issues access tokens.
    #[arg(long, env = "COUNTERSIGN_ISSUER", default_value = "https://countersign.local")]
    pub issuer: String,
    /// tenant's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_TENANT_ADDR", value_delimiter = ',', required = true)]
    pub tenant_addr: Vec<String>,
    /// identity's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_IDENTITY_ADDR", value_delimiter = ',', required = true)]
    pub identity_addr: Vec<String>,
    /// The form of log lines on stderr: json or text.
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// A listener that exists already, instead of `listen`: tests know their ports before they start anything.
    #[arg(skip)]
    pub listener: Option<Arc<TcpListener>>,
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
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to: {0}")]
    Signal(std::io::Error),
}
