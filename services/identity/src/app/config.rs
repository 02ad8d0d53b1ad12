//! What the service is told, besides what every service is told.

use std::collections::BTreeSet;

use host::HostConfig;
use time::Duration;

use crate::domain::session::Lifetimes;
use crate::ops::PoolSize;

/// What the service is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Config {
    /// What every service is told.
    #[command(flatten)]
    pub host: HostConfig,
    /// tenant's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_TENANT_ADDR", value_delimiter = ',', required = true)]
    pub tenant_addr: Vec<String>,
    /// mfa's replicas, host:port, separated by commas.
    #[arg(long, env = "COUNTERSIGN_MFA_ADDR", value_delimiter = ',', required = true)]
    pub mfa_addr: Vec<String>,
    /// The peers whose word about external users is taken: names of certificates, separated by commas. Default: none.
    #[arg(long, env = "COUNTERSIGN_BROKER_PEERS", value_delimiter = ',')]
    pub broker_peers: Vec<String>,
    /// How long sessions live.
    #[command(flatten)]
    pub sessions: SessionConfig,
    /// How much hashing may go on at once.
    #[command(flatten)]
    pub hashing: HashingConfig,
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
    /// How long sessions live.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            idle: Duration::seconds(self.sessions.session_idle_seconds.into()),
            absolute: Duration::seconds(self.sessions.session_absolute_seconds.into()),
            ..Lifetimes::default()
        }
    }

    /// The identity brokers. An empty setting names nobody.
    pub(super) fn brokers(&self) -> BTreeSet<String> {
        let names = self.broker_peers.iter().map(|name| name.trim());
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
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
