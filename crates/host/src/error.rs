//! Why a service does not start.

use fault::Fault;
use keyring::KeyringError;
use rpc::{ConnectError, ServeError};
use store::StoreError;

/// Why a service does not start: what it was told cannot be used.
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
    /// A part of the service itself cannot be made.
    #[error("a part of the service cannot be made: {0}")]
    Part(#[from] Fault),
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to: {0}")]
    Signal(std::io::Error),
}
