//! Why a service does not start.

use fault::Fault;
use keyring::KeyringError;
use rpc::{ConnectError, ServeError};
use store::StoreError;

use crate::keys::KeysRefused;

/// Why a service does not start: what it was told cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be reached.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The given listener cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(std::io::Error),
    /// The ops port cannot be listened on.
    #[error("could not listen on {address}, the ops port: {source}")]
    OpsPort {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Telemetry cannot go where it was told to.
    #[error(transparent)]
    Telemetry(#[from] telemetry::ExportError),
    /// The address of the database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The keys are not those that what is stored was made with.
    #[error(transparent)]
    Keys(#[from] KeysRefused),
    /// A peer's address or the certificates cannot be used.
    #[error(transparent)]
    Peer(#[from] ConnectError),
    /// A part of the service itself cannot be made.
    #[error("a part of the service cannot be made: {0}")]
    Part(#[from] Fault),
    /// A setting cannot be used.
    #[error("a setting cannot be used: {0}")]
    Setting(Box<dyn std::error::Error + Send + Sync>),
    /// Nobody serves its port any more although nobody told it to stop; the log says why.
    #[error("the server ended by itself")]
    CutOff,
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to: {0}")]
    Signal(std::io::Error),
}

impl StartError {
    /// A setting that cannot be used, and why.
    #[must_use]
    pub fn setting(why: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Setting(Box::new(why))
    }
}
