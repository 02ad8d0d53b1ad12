//! TLS to the database: TLS 1.3, the server's certificate checked up to our authorities and for the host's name
//! (`sslmode=verify-full`), by the one crypto stack in use. There is no channel binding: the certificate is the proof.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;

use crate::StoreError;

/// What PostgreSQL calls its protocol.
const ALPN: &[u8] = b"postgresql";

/// Makes TLS connections, or none. The authorities are read again for every connection, so that they may be replaced;
/// connections are rare.
#[derive(Debug, Clone)]
pub(crate) struct MakeRustls {
    authorities: Option<PathBuf>,
}

impl MakeRustls {
    /// For connections in the clear.
    pub(crate) fn unused() -> Self {
        Self { authorities: None }
    }

    /// For servers whose certificates these authorities have issued.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn verifying(authorities: PathBuf) -> Result<Self, StoreError> {
        let make = Self { authorities: Some(authorities) };
        make.config().map_err(|error| StoreError::Address(error.to_string()))?;
        Ok(make)
    }

    pub(crate) fn is_used(&self) -> bool {
        self.authorities.is_some()
    }

    fn config(&self) -> io::Result<Option<ClientConfig>> {
        let Some(path) = &self.authorities else { return Ok(None) };
        let unusable = |why: &dyn std::fmt::Display| io::Error::other(format!("{}: {why}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"it holds no certificate"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Some(config))
    }
}

impl MakeTlsConnect<Socket> for MakeRustls {
    type Stream = TlsStream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        let Some(config) = self.config()? else { return Ok(Handshake(None)) };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake(Some((Arc::new(config), name))))
    }
}

/// One handshake to be.
pub(crate) struct Handshake(Option<(Arc<ClientConfig>, ServerName<'static>)>);

impl TlsConnect<Socket> for Handshake {
    type Stream = TlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move {
            // Connections in the clear never get here.
            let (config, name) = self.0.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
            TlsConnector::from(config).connect(name, stream).await.map(TlsStream)
        })
    }
}

/// A connection within TLS.
pub(crate) struct TlsStream(tokio_rustls::client::TlsStream<Socket>);

impl tokio_postgres::tls::TlsStream for TlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
