//! Channels to the other services.

mod attempt;
mod connect;
mod link;
mod links;
mod names;
mod repeat;
mod throttle;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fault::{Fault, Reason};
use futures::future::BoxFuture;
use http::header::{HeaderName, HeaderValue};
use http::uri::Authority;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument as _;

use crate::call::Present;
use crate::status::code_name;
use crate::tls::{Reloading, client_config};
use crate::{DEFAULT_DEADLINE, TlsError, TlsFiles, into_status};
use connect::Dialer;
use links::Links;
use throttle::Throttle;

pub use names::LookUp;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Why a channel cannot be made. A peer that does not answer is no such reason: channels connect when used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no address, or one that has not the form `host:port`; or the peer's name is none.
    #[error("{0:?} is no list of host:port")]
    Address(Vec<String>),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A channel to one of our own services, to be used in its generated clients; clones share its connections.
///
/// From the first call on it keeps a connection to every address that its names have - looked up every five seconds, and when an
/// address fails - whose certificate names the expected peer, and takes them in turn; replaced certificate files are used from the
/// next connection on. An address that fails is left out until it accepts again; when all do, calls are UNAVAILABLE at once. Every
/// request carries the time that is left of the call being served, and its trace. A peer that does not answer is UNAVAILABLE
/// within five seconds, at the latest when that time is over.
///
/// A call that was not sent, or that a server has not begun, goes to another address; one whose answer was lost is repeated - up to
/// three times, after short pauses - only if it is known to be the same the second time: reads, and writes that carry an id of
/// their own.
#[derive(Clone)]
pub struct PeerChannel {
    peer: Arc<Peer>,
}

struct Peer {
    authority: Authority,
    links: Links,
    throttle: Throttle,
}

impl PeerChannel {
    /// A channel to `expected_peer` of our own certificate's trust domain, at `addresses` (`host:port`; a host may have many
    /// addresses, as a headless service has). Its first call must be made within a tokio runtime that outlives it.
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
        Self::connect_lazily_by(names::of_the_system(), trust_domain, addresses, tls, expected_peer)
    }

    /// As [`Self::connect_lazily_in`], with the names looked up in another way than the system's.
    ///
    /// # Errors
    /// As there.
    pub fn connect_lazily_by(
        look_up: LookUp,
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
        let Ok(authority) = Authority::try_from(expected_peer) else {
            return Err(ConnectError::Address(vec![expected_peer.to_owned()]));
        };
        if addresses.is_empty() || !addresses.iter().all(has_port) {
            return Err(ConnectError::Address(addresses));
        }
        let (domain, peer) = (trust_domain.to_owned(), expected_peer.to_owned());
        let build = move |files: &TlsFiles, material: &_| client_config(files, material, &domain, &peer);
        let config = Reloading::load(tls.clone(), build)?;
        let links = Links::new(Dialer::new(expected_peer.to_owned(), config), addresses, look_up);
        Ok(Self { peer: Arc::new(Peer { authority, links, throttle: Throttle::new() }) })
    }
}

impl std::fmt::Debug for PeerChannel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PeerChannel").field("peer", &self.peer.authority).finish_non_exhaustive()
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
        let peer = Arc::clone(&self.peer);
        let method = request.uri().path().trim_start_matches('/').to_owned();
        let span = tracing::info_span!(
            target: "rpc::client",
            telemetry::names::SPAN_CLIENT,
            otel.name = method,
            otel.kind = "client",
            rpc.system.name = "grpc",
        );
        let present = Present::get();
        let time = crate::remaining_time();
        let trace = present.as_ref().map(|present| telemetry::traceparent(present.trace));
        let call = async move {
            let begun = Instant::now();
            let prepare = |headers: &mut http::HeaderMap| {
                if let Some(trace) = &trace {
                    prepare(headers, time.saturating_sub(begun.elapsed()), trace);
                }
            };
            address(&mut request, &peer.authority);
            let sent = attempt::send(&peer.links, &peer.throttle, request, prepare);
            let answer = match tokio::time::timeout(time, sent).await {
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

/// Adds the call's deadline and trace.
fn prepare(headers: &mut http::HeaderMap, time: Duration, trace: &str) {
    // Milliseconds: eight digits of them are a day, and we allow 30 seconds.
    let value = format!("{}m", time.as_millis().min(DEFAULT_DEADLINE.as_millis()));
    insert(headers, GRPC_TIMEOUT, &value);
    insert(headers, TRACEPARENT, trace);
}

/// HTTP/2 wants scheme and authority; the generated clients give the path alone.
fn address(request: &mut http::Request<Body>, authority: &Authority) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = Some(authority.clone());
    // It is put together of parts that were read before.
    *request.uri_mut() = http::Uri::from_parts(parts).unwrap_or_default();
}

fn insert(headers: &mut http::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Status {
    into_status(Fault::new(Reason::DependencyUnavailable).with_cause(cause))
}
