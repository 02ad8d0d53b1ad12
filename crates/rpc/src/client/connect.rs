//! Connecting to one address: TCP, the handshake, and HTTP/2.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::body::Body;

use crate::tls::Reloading;

/// How long an address may take, from the first packet to the end of the handshake.
const PATIENCE: Duration = Duration::from_secs(1);
/// A connection is asked this often whether it lives, and given this long to answer: a peer that vanished without a word
/// is noticed in less than five seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Makes connections to one peer.
pub(super) struct Dialer {
    peer: String,
    config: Arc<Reloading<ClientConfig>>,
}

impl Dialer {
    pub(super) fn new(peer: String, config: Reloading<ClientConfig>) -> Self {
        Self { peer, config: Arc::new(config) }
    }

    /// The name that the certificate at the other end must have.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// A connection, and what it lives by: it ends when the other side takes no more calls, and what is under way then goes on.
    ///
    /// # Errors
    /// The address does not accept in time, or is not the peer.
    pub(super) async fn dial(
        &self,
        address: SocketAddr,
    ) -> io::Result<(SendRequest<Body>, impl Future<Output = Result<(), hyper::Error>> + Send + use<>)> {
        timeout(PATIENCE, self.connect(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(
        &self,
        address: SocketAddr,
    ) -> io::Result<(SendRequest<Body>, impl Future<Output = Result<(), hyper::Error>> + Send + use<>)> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Sent as SNI only; what the certificate must name is the verifier's to say.
        let name = ServerName::try_from(self.peer.clone()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.present_config().await).connect(name, stream).await?;
        Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)
    }

    /// The files are looked at before every connection; connections are rare.
    async fn present_config(&self) -> Arc<ClientConfig> {
        let config = Arc::clone(&self.config);
        // A look that could not be taken leaves the configuration as it was.
        let _ = tokio::task::spawn_blocking(move || config.refresh()).await;
        self.config.current()
    }
}
