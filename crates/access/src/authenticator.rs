//! How a bearer token becomes a user.

use async_trait::async_trait;
use fault::Outcome;

use crate::SignedIn;

/// Says for whom an access token speaks, *now*: a dead session is refused at once, and role and organisation are current.
///
/// identity asks its own tables; the other services ask identity (`rpc::RemoteAuthenticator`).
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The user of a living session.
    ///
    /// Cancellation is harmless; nothing is changed.
    ///
    /// # Errors
    /// TOKEN_INVALID for anything but a living session's token; DEPENDENCY_UNAVAILABLE when that cannot be found out.
    async fn authenticate(&self, bearer: &str) -> Outcome<SignedIn>;
}
