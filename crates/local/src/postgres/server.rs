//! The life of one private server: started, watched, stopped, started again.

use std::fmt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use super::cluster::{self, SUPERUSER};
use super::home::Home;
use super::launch::{Run, launch};
use super::pidfile::{signal, stop_orphan};
use super::probe::locate_for;
use super::url::local_url;
use super::{Binaries, Error, Options};

/// How long the server has to end after each signal: fast shutdown, then immediate.
const STOPPING: [(&str, Duration); 2] = [("INT", Duration::from_secs(20)), ("QUIT", Duration::from_secs(5))];

/// A PostgreSQL server of our own, on 127.0.0.1.
///
/// Dropping it asks the server to stop without waiting for it; an ephemeral one's files go too. The
/// directory is locked while this lives: there are never two servers on one data directory.
pub struct Postgres {
    pub(super) home: Home,
    pub(super) binaries: Binaries,
    pub(super) options: Options,
    pub(super) password: String,
    pub(super) run: Run,
    pub(super) running: bool,
}

impl Postgres {
    /// Starts a server and waits until it takes connections. The first start on a directory creates the
    /// data; later ones find it again, also after a crash. A server that an earlier process left behind on
    /// the directory is stopped first.
    ///
    /// Must run inside a tokio runtime with I/O enabled. Not to be cancelled: what was started so far then
    /// ends as on drop.
    ///
    /// # Errors
    /// Every variant of [`Error`] but those about names and URLs; each says what to do about it.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let home = Home::open(&options.place).await?;
        let started = Self::start_at(&home, &options).await;
        let (binaries, password, run) = match started {
            Ok(started) => started,
            Err(error) => {
                if home.ephemeral {
                    let _ = home.remove();
                }
                return Err(error);
            }
        };
        info!(port = run.port, pid = run.pid, data = %home.cluster.display(), "PostgreSQL is ready");
        Ok(Self { home, binaries, options, password, run, running: true })
    }

    async fn start_at(home: &Home, options: &Options) -> Result<(Binaries, String, Run), Error> {
        stop_orphan(home).await?;
        let binaries = locate_for(&home.account, &options.cache, cluster::major(&home.cluster)).await?;
        let password = cluster::prepare(home, &binaries).await?;
        let run = launch(home, &binaries, options, options.port, &password).await?;
        Ok((binaries, password, run))
    }

    /// Starts the server again, on the same port, after it died or was stopped; a running one is stopped
    /// first.
    ///
    /// # Errors
    /// As for [`Postgres::start`].
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        stop_orphan(&self.home).await?;
        let port = Some(self.run.port);
        self.run = launch(&self.home, &self.binaries, &self.options, port, &self.password).await?;
        self.running = true;
        info!(port = self.run.port, pid = self.run.pid, "PostgreSQL is ready again");
        Ok(())
    }

    /// Waits until the server ends, by itself or by anybody's hand; at once when it already has. May be
    /// cancelled and called again.
    ///
    /// # Errors
    /// [`Error::Io`] when the system cannot tell.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let status = self.run.child.wait().await.map_err(Error::io("wait for postgres"))?;
        self.ended();
        Ok(status)
    }

    /// Whether the server's process lives.
    pub fn is_running(&mut self) -> bool {
        if self.running && matches!(self.run.child.try_wait(), Ok(Some(_))) {
            self.ended();
        }
        self.running
    }

    /// Stops the server: open transactions are rolled back, everything else is written. Bounded: a server
    /// that will not stop is ended harder and recovers at its next start.
    ///
    /// # Errors
    /// [`Error::Io`] when even that cannot be done.
    pub async fn stop(&mut self) -> Result<(), Error> {
        for (name, patience) in STOPPING {
            if !self.is_running() {
                return Ok(());
            }
            signal(&self.home.account, self.run.pid, name);
            if let Ok(ended) = timeout(patience, self.wait()).await {
                ended?;
                return Ok(());
            }
            warn!(pid = self.run.pid, signal = name, "PostgreSQL does not stop");
        }
        self.run.child.kill().await.map_err(Error::io("kill postgres"))?;
        self.ended();
        Ok(())
    }

    /// Stops the server and removes its directory with all data, wherever it lies.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be stopped or removed.
    pub async fn destroy(mut self) -> Result<(), Error> {
        self.stop().await?;
        self.home.remove()
    }

    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.run.pid
    }

    /// The port on 127.0.0.1; the same for the life of this value.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.run.port
    }

    /// The binaries it runs.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// PostgreSQL's data directory, its real place.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.home.cluster
    }

    /// The URL that opens `database` as the superuser. It contains the password: not for logs.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        local_url(self.run.port, SUPERUSER, &self.password, database)
    }

    fn ended(&mut self) {
        self.running = false;
        self.run.dismiss_watchdog();
    }
}

/// Without the password.
impl fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Postgres")
            .field("data", &self.home.cluster)
            .field("port", &self.run.port)
            .field("pid", &self.run.pid)
            .finish_non_exhaustive()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.is_running() {
            // The watchdog, where there is one, sees our end of its pipe close, and cleans up.
            signal(&self.home.account, self.run.pid, "INT");
        } else if self.home.ephemeral {
            let _ = self.home.remove();
        }
    }
}
