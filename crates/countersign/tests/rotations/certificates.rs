//! Certificates put in the place of others while everything runs, and what servers show and whom they let in.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use local::certificates::DevCa;
use rpc::{PeerChannel, TlsFiles};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Whose certificates there are.
const PEERS: [&str; 5] = ["tenant", "identity", "mfa", "console", "operator"];
/// How soon changed files are used, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// An authority, with a certificate for everybody.
pub(crate) struct Authority {
    directory: TempDir,
}

impl Authority {
    /// Another one.
    pub(crate) fn new() -> Self {
        Self::issue_all(tempfile::tempdir().unwrap())
    }

    /// The one whose certificate and key lie in a directory.
    pub(crate) fn of(existing: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["ca.crt", "ca.key"] {
            fs::copy(existing.join(name), directory.path().join(name)).unwrap();
        }
        Self::issue_all(directory)
    }

    fn issue_all(directory: TempDir) -> Self {
        let ca = DevCa::load_or_create(directory.path()).unwrap();
        for peer in PEERS {
            ca.issue(peer).unwrap();
        }
        Self { directory }
    }

    /// What the operator has of this authority, who trusts those of a file.
    pub(crate) fn operator(&self, trusted: &Path) -> TlsFiles {
        let [cert, key] = ["operator.crt", "operator.key"].map(|name| self.directory.path().join(name));
        TlsFiles { ca: trusted.to_owned(), cert, key }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }

    /// Puts everybody's certificate and key in the place of what is there, as `cp` does: one file after the other.
    pub(crate) fn put_into(&self, place: &Path) {
        for peer in PEERS {
            for name in [format!("{peer}.crt"), format!("{peer}.key")] {
                fs::copy(self.directory.path().join(&name), place.join(&name)).unwrap();
            }
        }
    }
}

/// Waits until a server shows the certificate that lies in a file.
pub(crate) async fn shows(server: SocketAddr, file: &Path) {
    let expected = CertificateDer::from_pem_file(file).unwrap();
    let begun = Instant::now();
    while shown(server).await.as_deref() != Some(&*expected) {
        assert!(begun.elapsed() < SOON, "{server} does not show {}", file.display());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until a server lets a client in, or does not any more.
pub(crate) async fn admits(server: SocketAddr, peer: &str, tls: &TlsFiles, expected: bool) {
    let begun = Instant::now();
    loop {
        let channel = PeerChannel::connect_lazily(vec![server.to_string()], tls, peer).unwrap();
        // Whoever is let in gets an answer to this.
        let request = HealthCheckRequest { service: String::new() };
        let is_in = HealthClient::new(channel).check(request).await.is_ok();
        if is_in == expected {
            return;
        }
        assert!(begun.elapsed() < SOON, "{server}: {is_in}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The certificate that a server shows, before it has asked for ours.
async fn shown(server: SocketAddr) -> Option<Vec<u8>> {
    let curious = Arc::new(Curious::default());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&curious) as _)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server).await.ok()?;
    let name = ServerName::try_from("localhost").unwrap();
    // It is not believed, so this always fails; by then it was shown.
    drop(TlsConnector::from(Arc::new(config)).connect(name, stream).await);
    curious.seen.lock().unwrap().take()
}

/// Looks at a certificate and goes away.
#[derive(Debug, Default)]
struct Curious {
    seen: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Curious {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap() = Some(end_entity.to_vec());
        Err(Error::General("seen".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("not asked for".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("not asked for".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
