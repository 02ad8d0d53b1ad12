//! The server: mutual TLS, the layers, health and reflection around a service's own RPCs.

mod accept;
mod body;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod health;
mod layers;
mod limits;
mod reflection;
mod step;
mod steps;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use access::{Authenticator, SignedIn};
use async_trait::async_trait;
use clock::SharedClock;
use fault::{Outcome, Reason};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::tls::{Reloading, server_config};
use crate::{TlsError, TlsFiles};

pub use health::Readiness;
pub use limits::Limits;
pub use reflection::ReflectionMode;

/// What a server needs to know before it can be reached.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Our certificate and the authorities of our callers'.
    pub tls: TlsFiles,
    /// The SPIFFE trust domain of our callers, optionally narrowed to a namespace ([`access::Peer::parse_spiffe`]).
    pub trust_domain: String,
    /// Who may ask for the API's description.
    pub reflection: ReflectionMode,
    /// How much is too much.
    pub limits: Limits,
}

/// What a server serves.
pub struct ServerParts {
    /// The service's own RPCs.
    pub routes: Routes,
    /// How bearer tokens become users.
    pub authenticator: Arc<dyn Authenticator>,
    /// Where refusals go.
    pub refusals: Arc<dyn RefusalSink>,
    /// The time.
    pub clock: SharedClock,
    /// What `grpc.health.v1` answers.
    pub readiness: Readiness,
    /// The full names of the services in `routes`, such as `countersign.mfa.v1.FactorService` (the generated `…Server`'s
    /// `NAME`). Only these are served, described by reflection, and known to the health service.
    pub service_names: &'static [&'static str],
}

/// Records refusals of signed-in users.
#[async_trait]
pub trait RefusalSink: Send + Sync {
    /// Records one. The caller gets its answer only afterwards. It runs in a task of its own, so it ends even when the
    /// caller hangs up.
    ///
    /// # Errors
    /// What could not be recorded is not answered as a refusal: the caller gets UNAVAILABLE.
    async fn record(&self, refusal: Refusal) -> Outcome<()>;
}

/// A call by a signed-in user that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who called.
    pub caller: SignedIn,
    /// Through which peer.
    pub peer: String,
    /// What: the RPC's path on the wire.
    pub method: String,
    /// Why not.
    pub reason: Reason,
    /// The W3C trace id.
    pub trace_id: String,
}

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("could not listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The descriptor set cannot be used for reflection.
    #[error("reflection: {0}")]
    Reflection(String),
}

/// The certificate that a server shows, now and after it was replaced. Clones look at the same one.
#[derive(Debug, Clone)]
pub struct OwnCertificate(Arc<Reloading<ServerConfig>>);

impl OwnCertificate {
    /// When it begins and ends to be valid, in seconds since 1970.
    #[must_use]
    pub fn validity(&self) -> (i64, i64) {
        self.0.validity()
    }
}

/// A server that has its address but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
    certificates: Arc<Reloading<ServerConfig>>,
}

impl Server {
    /// Listens and loads the certificates.
    ///
    /// # Errors
    /// [`ServeError::Listen`], [`ServeError::Tls`].
    pub async fn bind(options: ServerOptions) -> Result<Self, ServeError> {
        let address = options.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        Self::on(listener, options)
    }

    /// As [`Self::bind`], on a listener that exists already; `options.listen` plays no part. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// As there.
    pub fn from_listener(
        listener: std::net::TcpListener,
        options: ServerOptions,
    ) -> Result<Self, ServeError> {
        let address = options.listen;
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener))
            .map_err(|source| ServeError::Listen { address, source })?;
        Self::on(listener, options)
    }

    fn on(listener: TcpListener, options: ServerOptions) -> Result<Self, ServeError> {
        let listen = options.listen;
        let address =
            listener.local_addr().map_err(|source| ServeError::Listen { address: listen, source })?;
        let certificates = Arc::new(Reloading::load(options.tls.clone(), server_config)?);
        Ok(Self { listener, address, options, certificates })
    }

    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate it shows.
    #[must_use]
    pub fn certificate(&self) -> OwnCertificate {
        OwnCertificate(Arc::clone(&self.certificates))
    }

    /// Serves until `shutdown` completes; then takes no more calls, lets the ones under way end (streams end with
    /// UNAVAILABLE, NOT_READY; those of [`crate::ends_by_itself`] say something first) and what
    /// callers who went away have left ([`crate::spawn_in_call`]), and after [`Limits::shutdown_grace`] closes what is left.
    ///
    /// # Errors
    /// [`ServeError::Reflection`].
    pub async fn serve(
        self,
        parts: ServerParts,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let draining = tokio_util::sync::CancellationToken::new();
        let readiness = parts.readiness.clone();
        let (health, reporting) = health::service(&readiness, parts.service_names).await;
        let routes = parts.routes.clone().add_service(health);
        let routes = reflection::add(routes, self.options.reflection, parts.service_names)?;
        let work = tokio_util::task::TaskTracker::new();
        let layers = layers::layers(&self.options, &parts, &draining, &work);
        let stack = step::Stack::new(layers, routes.prepare());
        let accept = accept::Accept {
            listener: self.listener,
            certificates: self.certificates,
            trust_domain: self.options.trust_domain,
            limits: self.options.limits,
            draining,
            work,
        };
        let reporting = tokio::spawn(reporting);
        accept.until(shutdown, stack, || readiness.set(false)).await;
        reporting.abort();
        Ok(())
    }
}
