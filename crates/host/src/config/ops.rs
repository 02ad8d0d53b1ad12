//! How a service is operated: where it tells how it is, and how it ends.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use store::PoolOptions;

/// How a service is operated.
#[derive(clap::Args, Clone, Debug)]
pub struct OpsConfig {
    /// Where to tell, over plain HTTP, how the service is: /livez, /readyz, /servez, /metrics. Empty: nowhere.
    #[arg(long, env = "COUNTERSIGN_OPS_LISTEN", default_value = "127.0.0.1:9464")]
    pub ops_listen: OpsListen,
    /// How long calls are still taken after the service was told to stop and says that it is not ready, in seconds (0 to 60): so long
    /// balancers may take to notice.
    #[arg(long, env = "COUNTERSIGN_STOP_DELAY_SECONDS", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(0..=60))]
    pub stop_delay_seconds: u16,
    /// How long calls under way may take after that, in seconds (1 to 120).
    #[arg(long, env = "COUNTERSIGN_DRAIN_SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=120))]
    pub drain_seconds: u16,
    /// The most connections of calls to the database (2 to 200). A replica has at most 9 more: six for readers of its log, one
    /// that listens to it, the sequencer's, and one that asks whether the database answers.
    #[arg(long, env = "COUNTERSIGN_DATABASE_CONNECTIONS", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(2..=200))]
    pub database_connections: u16,
    /// A collector for traces, metrics and logs: the endpoint of its OTLP over gRPC, such as http://127.0.0.1:4317.
    #[arg(long, env = "COUNTERSIGN_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The share of traces begun here that go to the collector, 0 to 1; what a caller samples always goes.
    #[arg(long, env = "COUNTERSIGN_TRACE_RATIO", default_value_t = 1.0, value_parser = ratio)]
    pub trace_ratio: f64,
}

impl Default for OpsConfig {
    /// Tells nobody, and stops at once.
    fn default() -> Self {
        Self {
            ops_listen: OpsListen(None),
            stop_delay_seconds: 0,
            drain_seconds: 5,
            database_connections: 16,
            otlp_endpoint: None,
            trace_ratio: 1.0,
        }
    }
}

impl OpsConfig {
    pub(crate) fn stop_delay(&self) -> Duration {
        Duration::from_secs(self.stop_delay_seconds.into())
    }

    pub(crate) fn pool(&self) -> PoolOptions {
        PoolOptions { connections: self.database_connections.into(), ..PoolOptions::default() }
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}

/// An address to listen on, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpsListen(pub Option<SocketAddr>);

impl FromStr for OpsListen {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|address| Self(Some(address))) }
    }
}

impl fmt::Display for OpsListen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |address| write!(formatter, "{address}"))
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}
