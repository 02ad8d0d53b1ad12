//! A panic in a handler.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use fault::Reason;
use futures::FutureExt as _;

use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct CatchPanic;

#[async_trait]
impl Step for CatchPanic {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        // Nothing of the call is used after a panic, so nothing half-changed can be seen.
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => {
                // The panic's text may hold anything; the panic hook printed where it happened.
                tracing::error!("a handler panicked");
                refuse(Reason::Internal)
            }
        }
    }
}
