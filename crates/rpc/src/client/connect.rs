//! Connecting to the first address that accepts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::Reloading;

/// How long one address may take, from the first packet to the end of the handshake.
const PER_ADDRESS: Duration = Duration::from_secs(1);
/// How long all of them may take together.
const ALTOGETHER: Duration = Duration::from_secs(3);

pub(super) struct Connector {
    peer: String,
    addresses: Vec<String>,
    config: Reloading<ClientConfig>,
    /// Where the last connection succeeded; the search begins there.
    last_good: AtomicUsize,
}

impl Connector {
    pub(super) fn new(peer: String, addresses: Vec<String>, config: Reloading<ClientConfig>) -> Self {
        Self { peer, addresses, config, last_good: AtomicUsize::new(0) }
    }

    pub(super) async fn connect(self: Arc<Self>) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        timeout(ALTOGETHER, self.first_that_accepts())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn first_that_accepts(self: &Arc<Self>) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let config = self.present_config().await;
        let first = self.last_good.load(Ordering::Relaxed);
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (index, address) in
            self.addresses.iter().enumerate().cycle().skip(first).take(self.addresses.len())
        {
            match timeout(PER_ADDRESS, self.connect_to(address, Arc::clone(&config))).await {
                Ok(Ok(stream)) => {
                    self.last_good.store(index, Ordering::Relaxed);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
            tracing::debug!(peer = self.peer, address, error = %failure, "an address of a peer does not accept");
        }
        Err(failure)
    }

    /// The files are looked at before every connection; connections are rare.
    async fn present_config(self: &Arc<Self>) -> Arc<ClientConfig> {
        let connector = Arc::clone(self);
        // A look that could not be taken leaves the configuration as it was.
        let _ = tokio::task::spawn_blocking(move || connector.config.refresh()).await;
        self.config.current()
    }

    async fn connect_to(&self, address: &str, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Sent as SNI only; what the certificate must name is the verifier's to say.
        let name = ServerName::try_from(self.peer.clone()).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }
}
