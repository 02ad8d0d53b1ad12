//! What the clock is compared with.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use async_trait::async_trait;
use clock::{Clock, Timestamp};
use rsntp::{AsyncSntpClient, Config};
use store::Store;

/// The port of NTP.
const NTP_PORT: u16 = 123;

/// Another source of time. How long it may take, and when it is asked, is the guard's business.
#[async_trait]
pub trait ClockReference: Send + Sync + Debug {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Reads the reference and, just before and just after, the clock.
    ///
    /// # Errors
    /// The reference does not say.
    async fn read(&self, clock: &dyn Clock) -> Result<Reading, NoReading>;
}

/// One look at a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The service's clock, before.
    pub before: Timestamp,
    /// The reference's time, at some moment in between.
    pub reference: Timestamp,
    /// The service's clock, after.
    pub after: Timestamp,
}

impl Reading {
    /// How far the reference is ahead (negative: behind): the least that the reading proves. Nothing, when it lies between
    /// the two looks at the clock.
    #[must_use]
    pub fn difference(&self) -> time::Duration {
        let (first, last) = (self.before.min(self.after), self.before.max(self.after));
        self.reference - self.reference.clamp(first, last)
    }
}

/// Why a reference says nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoReading {
    /// It did not answer in time.
    #[error("it does not answer in time")]
    TooSlow,
    /// It cannot be reached, or its answer cannot be used.
    #[error("it cannot be read: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl NoReading {
    /// The reference failed, for this cause.
    #[must_use]
    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }
}

/// PostgreSQL's clock, read through a service's own pool.
#[derive(Debug)]
pub struct PostgreSql(pub Store);

#[async_trait]
impl ClockReference for PostgreSql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    async fn read(&self, clock: &dyn Clock) -> Result<Reading, NoReading> {
        const SQL: &str = "-- clock_guard::read
            SELECT clock_timestamp()";
        // Waiting for a connection is no part of the look.
        let reader = self.0.read().await.map_err(NoReading::failed)?;
        let statement = reader.prepare_cached(SQL).await.map_err(NoReading::failed)?;
        let before = clock.now();
        let row = reader.query_one(&statement, &[]).await.map_err(NoReading::failed)?;
        let after = clock.now();
        let reference = row.try_get(0).map_err(NoReading::failed)?;
        Ok(Reading { before, reference, after })
    }
}

/// An NTP server, asked by SNTP (RFC 5905 §14). It is not authenticated: whoever sits on the way can make the clock
/// mistrusted, but can vouch for a wrong one only against PostgreSQL's, which must agree, too.
#[derive(Debug)]
pub struct Ntp {
    server: String,
}

impl Ntp {
    /// A server, `host` or `host:port`.
    #[must_use]
    pub fn at(server: &str) -> Self {
        let bare = server.parse::<IpAddr>();
        let has_port = bare.is_err() && server.rsplit_once(':').is_some();
        let server = match bare {
            Ok(address) => SocketAddr::new(address, NTP_PORT).to_string(),
            Err(_) if has_port => server.to_owned(),
            Err(_) => format!("{server}:{NTP_PORT}"),
        };
        Self { server }
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.server
    }
}

#[async_trait]
impl ClockReference for Ntp {
    fn name(&self) -> &'static str {
        "ntp"
    }

    async fn read(&self, clock: &dyn Clock) -> Result<Reading, NoReading> {
        let mut addresses = tokio::net::lookup_host(&self.server).await.map_err(NoReading::failed)?;
        let address = addresses.next().ok_or_else(|| NoReading::failed("the name has no address"))?;
        let any: IpAddr =
            if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let client = AsyncSntpClient::with_config(Config::default().bind_address((any, 0).into()));
        let answer = client.synchronize(address).await.map_err(NoReading::failed)?;
        // The answer is how far the machine's clock is off; what the server's clock says now follows from it.
        let before = clock.now();
        let elapsed = answer.datetime().unix_timestamp().map_err(NoReading::failed)?;
        let after = clock.now();
        Ok(Reading { before, reference: Timestamp::UNIX_EPOCH + elapsed, after })
    }
}
