//! TLS as this product uses it: version 1.3 only, both sides with a certificate, HTTP/2 only, certificates replaced while
//! running.

mod client;
mod files;
mod identity;
mod reload;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub(crate) use client::client_config;
pub(crate) use identity::{peer_of, trust_domain_of};
pub(crate) use reload::Reloading;
pub(crate) use server::server_config;

/// Where a program's certificates lie, as PEM. The files may be replaced at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that peers' certificates must come from.
    pub ca: PathBuf,
    /// Our own certificate, followed by intermediate ones.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("could not read {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file does not hold what it must.
    #[error("{} holds no usable {what}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The certificate and the key do not work together.
    #[error("the certificates cannot be used: {0}")]
    Refused(#[from] rustls::Error),
    /// Our own certificate names no trust domain.
    #[error("{} names no SPIFFE id", .path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// The authorities cannot be used to check certificates.
    #[error("the authorities cannot be used: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
}

/// HTTP/2, the only protocol spoken.
const ALPN_H2: &[u8] = b"h2";

impl TlsFiles {
    /// The trust domain that our own certificate names.
    pub(crate) fn trust_domain(&self) -> Result<String, TlsError> {
        let chain = files::Material::read(self)?.chain(self)?;
        let nameless = || TlsError::Nameless { path: self.cert.clone() };
        chain.first().and_then(|own| trust_domain_of(own)).ok_or_else(nameless)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
