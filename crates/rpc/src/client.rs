//! Channels to the other services.

mod connect;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fault::{Fault, Reason};
use futures::future::BoxFuture;
use http::header::{HeaderName, HeaderValue};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::call::Present;
use crate::status::code_name;
use crate::tls::{Reloading, client_config};
use crate::{DEFAULT_DEADLINE, TlsError, TlsFiles, into_status};
use connect::Connector;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A connection is asked this often whether it lives, and given this long to answer: a peer that vanished without a word
/// is noticed in less than five seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Why a channel cannot be made. A peer that does not answer is no such reason: channels connect when used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no address, or one that has not the form `host:port`.
    #[error("{0:?} is no list of host:port")]
    Address(Vec<String>),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A channel to one of our own services, to be used in its generated clients; clones share one connection.
///
/// It connects when first used and again when the connection breaks, to the first of its addresses that accepts and whose
/// certificate names the expected peer; replaced certificate files are used from the next connection on. Every request
/// carries the time that is left of the call being served, and its trace. A peer that does not answer is UNAVAILABLE within
/// five seconds, at the latest when that time is over; nothing is retried.
#[derive(Debug, Clone)]
pub struct PeerChannel {
    inner: Channel,
}

impl PeerChannel {
    /// A channel to `expected_peer` of our own certificate's trust domain, at one of `addresses` (`host:port`). Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`]: addresses or certificates cannot be used.
    pub fn connect_lazily(
        addresses: Vec<String>,
        tls: &TlsFiles,
        expected_peer: &str,
    ) -> Result<Self, ConnectError> {
        let trust_domain = tls.trust_domain()?;
        Self::connect_lazily_in(&trust_domain, addresses, tls, expected_peer)
    }

    /// As [`Self::connect_lazily`], in a given trust domain, which may be narrowed to a namespace
    /// ([`access::Peer::parse_spiffe`]).
    ///
    /// # Errors
    /// As there.
    pub fn connect_lazily_in(
        trust_domain: &str,
        addresses: Vec<String>,
        tls: &TlsFiles,
        expected_peer: &str,
    ) -> Result<Self, ConnectError> {
        let has_port = |address: &String| {
            address
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let Ok(endpoint) = Endpoint::try_from(format!("https://{expected_peer}")) else {
            return Err(ConnectError::Address(vec![expected_peer.to_owned()]));
        };
        if addresses.is_empty() || !addresses.iter().all(has_port) {
            return Err(ConnectError::Address(addresses));
        }
        let (domain, peer) = (trust_domain.to_owned(), expected_peer.to_owned());
        let build = move |files: &TlsFiles, material: &_| client_config(files, material, &domain, &peer);
        let config = Reloading::load(tls.clone(), build)?;
        let connector = Arc::new(Connector::new(expected_peer.to_owned(), addresses, config));
        let inner = endpoint
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect_with_connector_lazy(tower::service_fn(move |_| Arc::clone(&connector).connect()));
        Ok(Self { inner })
    }
}

impl Service<http::Request<Body>> for PeerChannel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Waiting for a connection is part of the call, so that it is bounded like the rest.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let channel = self.inner.clone();
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let span = tracing::info_span!(
            target: "rpc::client",
            telemetry::names::SPAN_CLIENT,
            otel.name = method,
            otel.kind = "client",
            rpc.system.name = "grpc",
        );
        let time = span.in_scope(|| prepare(&mut request));
        let call = async move {
            let begun = Instant::now();
            let answer = match tokio::time::timeout(time, channel.oneshot(request)).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => Err(unavailable(error)),
                Err(elapsed) => Err(unavailable(elapsed)),
            };
            telemetry::metrics::called(method, code_name(code_of(&answer)), begun.elapsed());
            answer
        };
        Box::pin(call.instrument(span))
    }
}

/// The code of an answer, as far as its head tells.
fn code_of(answer: &Result<http::Response<Body>, Status>) -> Code {
    match answer {
        Ok(response) => Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code()),
        Err(status) => status.code(),
    }
}

/// Adds the call's deadline and trace; answers how long to wait.
fn prepare(request: &mut http::Request<Body>) -> Duration {
    let present = Present::get();
    let time = crate::remaining_time();
    let headers = request.headers_mut();
    if let Some(present) = present {
        // Milliseconds: eight digits of them are a day, and we allow 30 seconds.
        let value = format!("{}m", time.as_millis().min(DEFAULT_DEADLINE.as_millis()));
        insert(headers, GRPC_TIMEOUT, &value);
        insert(headers, TRACEPARENT, &telemetry::traceparent(present.trace));
    }
    time
}

fn insert(headers: &mut http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Status {
    into_status(Fault::new(Reason::DependencyUnavailable).with_cause(cause))
}
