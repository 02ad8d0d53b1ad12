//! Where a database is, and how it is reached: one host or several, of which one takes writes.
//!
//! Every connection of a service begins here - the pool's, a listener's, the sequencer's, the migrator's - and so finds the
//! present primary by itself, and is noticed to be dead when its host is.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};

use crate::StoreError;
use crate::connection::{Connection, drive};
use crate::tls::MakeRustls;

/// How long a host may take, from the name to the end of the handshake.
const PER_HOST: Duration = Duration::from_secs(3);
/// A connection on which nothing comes is asked this soon whether it lives, then this often, so many times: one whose host
/// vanished without a word ends in about eleven seconds.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may remain without an answer of the other side's kernel.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A database's address. Cheap to clone; clones share what they know of which host takes writes.
#[derive(Debug, Clone)]
pub struct Address {
    /// The same database on each of its hosts.
    hosts: Arc<[Config]>,
    tls: MakeRustls,
    /// The host of the last connection, where the next one is tried first.
    last_good: Arc<AtomicUsize>,
}

impl Address {
    /// Reads a connection string, `postgres://…` or `key=value` pairs, as libpq does, of one or several hosts
    /// (`postgres://role@pg-1:5432,pg-2:5432/name`). Connections are only ever made to one that takes writes
    /// (`target_session_attrs=read-write`, said or not).
    ///
    /// `sslmode` is `verify-full`, with the file of authorities in `sslrootcert`, or `disable`; without either, the host must be this
    /// machine. Modes that check nothing are not known here.
    ///
    /// # Errors
    /// It cannot be read, or would send a password in the clear without having been told to.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let (text, said) = TlsSettings::taken_out_of(text)?;
        let config = Config::from_str(&text)?;
        let tls = said.decide(&config)?;
        let mode = if tls.is_used() { SslMode::Require } else { SslMode::Disable };
        let hosts: Vec<Config> = split(&config)?
            .into_iter()
            .map(|mut host| {
                host.ssl_mode(mode).target_session_attrs(TargetSessionAttrs::ReadWrite);
                be_watchful(&mut host);
                host
            })
            .collect();
        if hosts.is_empty() {
            return Err(StoreError::Address("it names no host".to_owned()));
        }
        Ok(Self { hosts: hosts.into(), tls, last_good: Arc::default() })
    }

    /// The same database, whose connections begin with these settings (`-c name=value …`).
    pub(crate) fn with_settings(&self, settings: &str) -> Self {
        let with = |host: &Config| {
            let mut host = host.clone();
            let given = host.get_options().unwrap_or_default().to_owned();
            host.options(format!("{given} {settings}").trim());
            host
        };
        Self { hosts: self.hosts.iter().map(with).collect(), ..self.clone() }
    }

    /// How long it may take to find the host that takes writes.
    pub(crate) fn patience(&self) -> Duration {
        self.hosts.iter().map(per_host).sum()
    }

    /// A connection to the host that takes writes, driven by a task of its own. It ends when its server stops taking writes.
    ///
    /// # Errors
    /// There is no such host; bounded by a few seconds for each.
    pub async fn open(&self) -> Result<(Client, JoinHandle<()>), StoreError> {
        let (client, connection) = self.connect_any().await?;
        Ok((client, tokio::spawn(drive(connection))))
    }

    /// As [`Self::open`]; the caller drives it.
    pub(crate) async fn connect_any(&self) -> Result<(Client, Connection), Error> {
        let first = self.last_good.load(Ordering::Relaxed);
        let mut failure = None;
        for (index, host) in self.hosts.iter().enumerate().cycle().skip(first).take(self.hosts.len()) {
            match timeout(per_host(host), host.connect(self.tls.clone())).await {
                Ok(Ok((client, connection))) => {
                    if self.last_good.swap(index, Ordering::Relaxed) != index {
                        tracing::info!(host = index + 1, "another host of the database takes writes now");
                    }
                    return Ok((client, connection));
                }
                Ok(Err(error)) => {
                    tracing::debug!(host = index + 1, %error, "a host of the database does not take writes");
                    failure = Some(error);
                }
                Err(_) => tracing::debug!(host = index + 1, "a host of the database does not answer"),
            }
        }
        // The driver's own error of a server that does not answer, which nothing else makes.
        Err(failure.unwrap_or_else(Error::__private_api_timeout))
    }
}

/// For the pool.
impl Connect for Address {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, connection) = self.connect_any().await?;
            Ok((client, tokio::spawn(drive(connection))))
        })
    }
}

fn per_host(host: &Config) -> Duration {
    host.get_connect_timeout().copied().unwrap_or(PER_HOST)
}

/// The same settings with one host each, so that each is given its own time, whatever it does with it.
fn split(config: &Config) -> Result<Vec<Config>, StoreError> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    let fits = |length: usize| length == 0 || length == count;
    if !fits(names.len()) || !fits(addresses.len()) || !(fits(ports.len()) || ports.len() == 1) {
        return Err(StoreError::Address("its hosts, addresses and ports differ in number".to_owned()));
    }
    let host = |index: usize| {
        let mut one = common(config);
        match names.get(index) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            Some(Host::Unix(path)) => drop(one.host_path(path)),
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or_else(|| ports.first()) {
            one.port(*port);
        }
        one
    };
    Ok((0..count).map(host).collect())
}

/// What is said of all hosts.
fn common(config: &Config) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(time) = config.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    if let Some(time) = config.get_keepalives_interval() {
        one.keepalives_interval(time);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    one.ssl_negotiation(config.get_ssl_negotiation()).channel_binding(config.get_channel_binding());
    one
}

/// Sets what is not said of how a dead connection is noticed.
fn be_watchful(host: &mut Config) {
    if host.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        host.keepalives_idle(KEEPALIVE_IDLE);
    }
    host.keepalives_interval(host.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL));
    host.keepalives_retries(host.get_keepalives_retries().unwrap_or(KEEPALIVE_RETRIES));
    host.tcp_user_timeout(host.get_tcp_user_timeout().copied().unwrap_or(TCP_USER_TIMEOUT));
    host.connect_timeout(per_host(host));
}

/// What a connection string says of TLS in libpq's words, which the driver does not know.
#[derive(Default)]
struct TlsSettings {
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

impl TlsSettings {
    /// The string without them, and them.
    fn taken_out_of(text: &str) -> Result<(String, Self), StoreError> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let mut said = Self::default();
        if !is_url {
            let rest: Vec<&str> = text.split_whitespace().filter(|pair| !said.takes(pair)).collect();
            // A quoted value may hold spaces: what needs nothing taken out stays as it is.
            let is_untouched = said.mode.is_none() && said.authorities.is_none();
            return Ok((if is_untouched { text.to_owned() } else { rest.join(" ") }, said));
        }
        let Some((head, parameters)) = text.split_once('?') else { return Ok((text.to_owned(), said)) };
        let mut rest = Vec::new();
        for pair in parameters.split('&') {
            let plain = percent_encoding::percent_decode_str(pair)
                .decode_utf8()
                .map_err(|_| StoreError::Address("a parameter is not UTF-8".to_owned()))?;
            if !said.takes(&plain) {
                rest.push(pair);
            }
        }
        let joint = if rest.is_empty() { "" } else { "?" };
        Ok((format!("{head}{joint}{}", rest.join("&")), said))
    }

    fn takes(&mut self, pair: &str) -> bool {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => self.mode = Some(mode.to_owned()),
            Some(("sslrootcert", file)) => self.authorities = Some(file.into()),
            _ => return false,
        }
        true
    }

    fn decide(self, config: &Config) -> Result<MakeRustls, StoreError> {
        match (self.mode.as_deref(), self.authorities) {
            (Some("disable"), _) => Ok(MakeRustls::unused()),
            (Some("verify-full"), Some(file)) => MakeRustls::verifying(file),
            (Some("verify-full"), None) => Err(StoreError::Address(
                "sslmode=verify-full needs the authorities in sslrootcert".to_owned(),
            )),
            (None, None) if is_this_machine(config) => Ok(MakeRustls::unused()),
            (None, _) => Err(StoreError::Address(
                "its host is another machine: say sslmode=verify-full and sslrootcert, or sslmode=disable"
                    .to_owned(),
            )),
            (Some(other), _) => {
                Err(StoreError::Address(format!("sslmode={other} is not known here: verify-full or disable")))
            }
        }
    }
}

fn is_this_machine(config: &Config) -> bool {
    let is_local =
        |name: &str| name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let names = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_local(name),
        Host::Unix(_) => true,
    });
    let addresses = config.get_hostaddrs();
    if addresses.is_empty() { names } else { addresses.iter().all(IpAddr::is_loopback) }
}

#[cfg(test)]
mod tests;
