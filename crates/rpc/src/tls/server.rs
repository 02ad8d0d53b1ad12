//! The server's side: whoever has no certificate of our authorities does not get past the handshake.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::files::Material;
use super::{ALPN_H2, TlsError, TlsFiles, provider};

pub(crate) fn server_config(files: &TlsFiles, material: &Material) -> Result<ServerConfig, TlsError> {
    let authorities = Arc::new(material.authorities(files)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(material.chain(files)?, material.key(files)?)?;
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    // A resumed session would bring yesterday's verdict about a certificate along. Connections live long; handshakes are rare.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
