//! What the service is told, besides what every service is told.

use std::collections::BTreeSet;

use host::HostConfig;
use time::Duration;

use crate::domain::delays::DelayThresholds;
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
    /// How guessing passwords is slowed down.
    #[command(flatten)]
    pub delays: DelayConfig,
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
    /// Days after which another key signs access tokens (1 to 365); it is published ten minutes before.
    #[arg(long, env = "COUNTERSIGN_SIGNING_KEY_DAYS", default_value = "90",
          value_parser = clap::value_parser!(u16).range(1..=365))]
    pub signing_key_days: u16,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { session_idle_seconds: 3_600, session_absolute_seconds: 86_400, signing_key_days: 90 }
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

/// How guessing passwords is slowed down: some failures cost nothing, further ones a delay that doubles from one second on.
/// The bounds are such that nobody can be locked out and nobody guesses fast.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct DelayConfig {
    /// Wrong passwords of one login from one address that cost nothing.
    #[arg(long, env = "COUNTERSIGN_FREE_FAILURES", default_value = "5",
          value_parser = clap::value_parser!(u32).range(3..=10))]
    pub free_failures: u32,
    /// Wrong passwords of one login, from anywhere, that cost nothing.
    #[arg(long, env = "COUNTERSIGN_FREE_FAILURES_PER_LOGIN", default_value = "20",
          value_parser = clap::value_parser!(u32).range(10..=100))]
    pub free_failures_per_login: u32,
    /// Wrong passwords from one address, whoever's, that cost nothing.
    #[arg(long, env = "COUNTERSIGN_FREE_FAILURES_PER_ADDRESS", default_value = "50",
          value_parser = clap::value_parser!(u32).range(20..=500))]
    pub free_failures_per_address: u32,
    /// The longest delay, in seconds.
    #[arg(long, env = "COUNTERSIGN_LONGEST_DELAY_SECONDS", default_value = "30",
          value_parser = clap::value_parser!(u32).range(5..=30))]
    pub longest_delay_seconds: u32,
    /// Seconds in which one failure is forgotten.
    #[arg(long, env = "COUNTERSIGN_FORGET_FAILURE_SECONDS", default_value = "60",
          value_parser = clap::value_parser!(u32).range(10..=600))]
    pub forget_failure_seconds: u32,
}

impl Default for DelayConfig {
    fn default() -> Self {
        Self {
            free_failures: 5,
            free_failures_per_login: 20,
            free_failures_per_address: 50,
            longest_delay_seconds: 30,
            forget_failure_seconds: 60,
        }
    }
}

impl DelayConfig {
    /// As the domain wants them.
    pub(super) fn thresholds(&self) -> DelayThresholds {
        DelayThresholds {
            free: self.free_failures,
            free_per_login: self.free_failures_per_login,
            free_per_address: self.free_failures_per_address,
            longest: i64::from(self.longest_delay_seconds) * 1_000,
            forget: i64::from(self.forget_failure_seconds) * 1_000,
        }
    }
}

impl SessionConfig {
    /// How long a key signs.
    pub(super) fn signing_key_life(&self) -> Duration {
        Duration::days(self.signing_key_days.into())
    }
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
