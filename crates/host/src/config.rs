//! What every service is told.

mod ops;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rpc::{Limits, ReflectionMode, ServerOptions, TlsFiles};
use telemetry::LogFormat;

use crate::clock_guard::{ClockGuardOptions, ClockReferences};

pub use ops::{OpsConfig, OpsListen};

/// What every service is told. Each setting is also an environment variable, so that passwords need not stand in arguments.
#[derive(clap::Args, Clone, Debug)]
pub struct HostConfig {
    /// Where to listen.
    #[arg(long, env = "COUNTERSIGN_LISTEN")]
    pub listen: SocketAddr,
    /// The database, as the service's role: one host or several, separated by commas; with sslmode=verify-full and sslrootcert, unless
    /// it is on this machine.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The same database, as the sequencer's role.
    #[arg(long, env = "COUNTERSIGN_SEQUENCER_DATABASE_URL", hide_env_values = true)]
    pub sequencer_database_url: String,
    /// The directory of the keys that seal secrets and authenticate cursors and page tokens.
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
    /// The SPIFFE trust domain of peers' certificates; `domain/ns/NAMESPACE` admits that namespace alone.
    #[arg(long, env = "COUNTERSIGN_TRUST_DOMAIN", default_value = "countersign.local")]
    pub trust_domain: String,
    /// Who may ask for the API's description: off, operators or on.
    #[arg(long, env = "COUNTERSIGN_REFLECTION", default_value = "operators")]
    pub reflection: ReflectionMode,
    /// Who issues access tokens.
    #[arg(long, env = "COUNTERSIGN_ISSUER", default_value = "https://countersign.local")]
    pub issuer: String,
    /// The form of log lines on stderr: json or text.
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// An NTP server to compare the clock with, besides the database's: host or host:port.
    #[arg(long, env = "COUNTERSIGN_NTP_SERVER")]
    pub ntp_server: Option<String>,
    /// How far the clock may be from what it is compared with, in seconds (1 to 30); beyond it policy cannot be changed.
    #[arg(long, env = "COUNTERSIGN_CLOCK_TOLERANCE_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub clock_tolerance_seconds: u8,
    /// How it is operated.
    #[command(flatten)]
    pub ops: OpsConfig,
    /// What to compare the clock with instead: tests whose clock stands still bring their own.
    #[arg(skip)]
    pub clock_references: Option<ClockReferences>,
    /// A listener that exists already, instead of `listen`: tests know their ports before they start anything.
    #[arg(skip)]
    pub listener: Option<Arc<TcpListener>>,
}

impl HostConfig {
    /// Where the certificates lie.
    #[must_use]
    pub fn tls(&self) -> TlsFiles {
        TlsFiles { ca: self.tls_ca.clone(), cert: self.tls_cert.clone(), key: self.tls_key.clone() }
    }

    pub(crate) fn clock_guard(&self) -> ClockGuardOptions {
        let tolerance = Duration::from_secs(u64::from(self.clock_tolerance_seconds));
        let usual = ClockGuardOptions { tolerance, ..ClockGuardOptions::default() };
        match &self.clock_references {
            Some(other) => ClockGuardOptions { every: other.every, again: other.every, ..usual },
            None => usual,
        }
    }

    pub(crate) fn server(&self) -> ServerOptions {
        ServerOptions {
            listen: self.listen,
            tls: self.tls(),
            trust_domain: self.trust_domain.clone(),
            reflection: self.reflection,
            limits: Limits { shutdown_grace: self.ops.drain(), ..Limits::default() },
        }
    }
}
