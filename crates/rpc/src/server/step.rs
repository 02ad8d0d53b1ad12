//! Layers as a list: each step sees the request, hands it to the next or answers itself, and sees the answer.
//!
//! A list of steps reads top to bottom where nested tower layers read inside out, and costs one boxed future a step.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use access::Peer;
use async_trait::async_trait;
use bytes::Bytes;
use fault::Fault;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::into_status;

pub(super) type Request = http::Request<Body>;
pub(super) type Response = http::Response<Body>;

/// One layer.
#[async_trait]
pub(super) trait Step: Send + Sync {
    async fn call(&self, request: Request, next: Next<'_>) -> Response;
}

/// What comes after a step.
pub(super) struct Next<'a> {
    steps: &'a [Box<dyn Step>],
    routes: Routes,
}

impl Next<'_> {
    pub(super) async fn run(mut self, request: Request) -> Response {
        match self.steps.split_first() {
            Some((step, steps)) => step.call(request, Next { steps, routes: self.routes }).await,
            None => match self.routes.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        }
    }
}

/// The answer to a call that a step refuses.
pub(super) fn refuse(fault: impl Into<Fault>) -> Response {
    into_status(fault.into()).into_http()
}

/// Whom a connection's certificate names; in the extensions of its requests. None: a certificate that is no peer's.
#[derive(Debug, Clone)]
pub(super) struct ConnectionPeer(pub(super) Option<Peer>);

/// All layers and the service's own RPCs.
#[derive(Clone)]
pub(super) struct Stack {
    steps: Arc<[Box<dyn Step>]>,
    routes: Routes,
}

impl Stack {
    pub(super) fn new(steps: Vec<Box<dyn Step>>, routes: Routes) -> Self {
        Self { steps: steps.into(), routes }
    }

    /// The stack as one connection calls it.
    pub(super) fn of_connection(&self, peer: ConnectionPeer) -> Calls {
        Calls { stack: self.clone(), peer }
    }
}

/// The calls of one connection, as a tower service.
#[derive(Clone)]
pub(super) struct Calls {
    stack: Stack,
    peer: ConnectionPeer,
}

impl<B> tower::Service<http::Request<B>> for Calls
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        let Stack { steps, routes } = self.stack.clone();
        Box::pin(async move { Ok(Next { steps: &steps, routes }.run(request).await) })
    }
}
