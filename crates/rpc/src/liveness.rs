//! Asking again, while a long call goes on, for whom its token speaks.

use std::fmt;
use std::sync::Arc;

use access::{Authenticator, SignedIn};
use fault::Outcome;
use tonic::Request;
use zeroize::Zeroizing;

/// The token of a call and who judges it; in the extensions of every request that is for a user. A call that outlives a
/// moment - a stream - asks it again and again, so that it ends with its session. Prints nothing; cheap to clone.
#[derive(Clone)]
pub struct Liveness {
    authenticator: Arc<dyn Authenticator>,
    bearer: Arc<Zeroizing<String>>,
}

impl Liveness {
    /// The life of the session that a token belongs to.
    #[must_use]
    pub fn new(authenticator: Arc<dyn Authenticator>, bearer: &str) -> Self {
        Self { authenticator, bearer: Arc::new(Zeroizing::new(bearer.to_owned())) }
    }

    /// The user of the token, now: role and organisation may have changed since the call was let in, and what to make of it is
    /// the asker's to decide. Cancellation is harmless. Outside of a call's own time it may take long: bound it.
    ///
    /// # Errors
    /// TOKEN_INVALID when the session has ended or the token has expired; DEPENDENCY_UNAVAILABLE when that cannot be found
    /// out: then nothing is known, and nothing may be given out on it.
    pub async fn still_alive(&self) -> Outcome<SignedIn> {
        self.authenticator.authenticate(&self.bearer).await
    }
}

impl fmt::Debug for Liveness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Liveness(hidden)")
    }
}

/// The life of the session a call is made in; none when the call is for no user.
#[must_use]
pub fn liveness<T>(request: &Request<T>) -> Option<Liveness> {
    request.extensions().get::<Liveness>().cloned()
}
