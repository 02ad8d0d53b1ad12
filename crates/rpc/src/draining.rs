//! The end of a server, as a long call sees it coming.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

/// Whether the server that serves a call is about to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Draining(CancellationToken);

/// In the extensions of an answer whose stream sees to its own end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndsByItself;

impl Draining {
    pub(crate) fn of(token: CancellationToken) -> Self {
        Self(token)
    }

    /// Waits until the server begins to end; for ever where it does not. Cancellation is harmless.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// Whether it has begun to.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The end of the server that serves this call; one that never comes where the call came by another way.
#[must_use]
pub fn draining<T>(request: &Request<T>) -> Draining {
    request.extensions().get::<Draining>().cloned().unwrap_or_default()
}

/// Says that this stream watches [`draining`] and ends soon after it has begun, with a last word of its own. Every other stream is
/// ended for it, with UNAVAILABLE (NOT_READY). One that goes on nevertheless is cut off when the server's grace is over.
#[must_use]
pub fn ends_by_itself<T>(mut response: Response<T>) -> Response<T> {
    response.extensions_mut().insert(EndsByItself);
    response
}
