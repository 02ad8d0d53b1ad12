//! The client's side: the server must be the peer we mean to call, by its SPIFFE id and not by a host name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::files::Material;
use super::{ALPN_H2, TlsError, TlsFiles, peer_of, provider};

pub(crate) fn client_config(
    files: &TlsFiles,
    material: &Material,
    trust_domain: &str,
    expected: &str,
) -> Result<ClientConfig, TlsError> {
    let verifier = PeerVerifier {
        authorities: material.authorities(files)?,
        provider: provider(),
        trust_domain: trust_domain.to_owned(),
        expected: expected.to_owned(),
    };
    // "Dangerous" is what rustls calls every verifier that is not its own; ours checks the chain with rustls' function.
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(material.chain(files)?, material.key(files)?)?;
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Verifies the chain up to our authorities, the validity, the usage, and then that the certificate names the expected
/// peer. Host names play no part: addresses change, and any pod may hold one.
#[derive(Debug)]
struct PeerVerifier {
    authorities: RootCertStore,
    provider: Arc<CryptoProvider>,
    trust_domain: String,
    expected: String,
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.authorities,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        match peer_of(end_entity, &self.trust_domain) {
            Some(peer) if peer.as_str() == self.expected => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Never asked: the configuration offers TLS 1.3 only.
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
