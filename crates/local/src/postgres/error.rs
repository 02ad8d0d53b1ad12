//! Everything that can stop a private PostgreSQL, in words for the person who is starting the product.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::{fmt, io};

/// Why a private PostgreSQL could not be found, started, stopped or prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither this machine nor the download could supply usable binaries.
    #[error("PostgreSQL not found ({rejected}), and download failed: {reason}")]
    NotFound {
        /// What was looked at and why it would not do.
        rejected: String,
        /// What the download said.
        reason: String,
    },
    /// Another process holds this server's directory.
    #[error("{} is in use by another process; stop that one first, or choose another data directory", .home.display())]
    InUse {
        /// The server's directory.
        home: PathBuf,
    },
    /// A server left over from an earlier run would not end.
    #[error("an earlier PostgreSQL (process {pid}) is still running on {} and does not stop", .cluster.display())]
    OrphanRemains {
        /// Its process id.
        pid: u32,
        /// The data directory it holds.
        cluster: PathBuf,
    },
    /// Running as root on a machine without an unprivileged account.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    /// No directory could be found that the unprivileged account can use.
    #[error(
        "the user that PostgreSQL has to run as ({account}) can use none of these directories: {tried}; \
         run as an ordinary user, or choose another data directory"
    )]
    Unreachable {
        /// The account's name or number.
        account: String,
        /// The directories tried.
        tried: String,
    },
    /// The data is there but the password that opens it is not.
    #[error("{} is missing, so the data in {} cannot be opened; delete the whole directory to start afresh",
        .password.display(), .cluster.display())]
    PasswordMissing {
        /// The password file.
        password: PathBuf,
        /// The data directory.
        cluster: PathBuf,
    },
    /// `initdb` failed.
    #[error("PostgreSQL could not create its data directory (initdb): {output}")]
    Initdb {
        /// What it printed.
        output: String,
    },
    /// The server ended instead of becoming ready.
    #[error("PostgreSQL did not start ({status}): {log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// The server was not ready in time.
    #[error("PostgreSQL was not ready after {seconds} s: {log}")]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// Somebody else listens on the wanted port.
    #[error("port {port} on 127.0.0.1 is taken by another program")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// A file or a process of the operating system.
    #[error("could not {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The server refused a statement, or the connection to it failed.
    #[error("could not {doing} in PostgreSQL: {}", Causes(.source))]
    Database {
        /// What was being done.
        doing: String,
        /// The driver's error.
        source: tokio_postgres::Error,
    },
    /// A role or database name that PostgreSQL would cut off or cannot hold.
    #[error("{name:?} cannot be the name of a database or role: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A connection URL that is none.
    #[error("this is no PostgreSQL URL: it must read postgresql://user:password@host:port/database")]
    Url,
}

impl Error {
    /// An [`Error::Io`] in the making, for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// As [`Error::io`], for the many cases of "verb path".
    pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }

    /// An [`Error::Database`] in the making, for `map_err`.
    pub(crate) fn database(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Database { doing, source }
    }
}

/// Shows an error with what lies beneath: the driver's own text is only "db error".
struct Causes<'a>(&'a tokio_postgres::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut next = std::error::Error::source(self.0);
        while let Some(cause) = next {
            write!(formatter, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
