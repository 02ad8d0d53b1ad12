//! Who does not get past the handshake.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rpc::TlsFiles;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Authority, get, options, start, start_with, tree_client};
use crate::tree::Tree;

/// A client that trusts the authority in `trusted` and shows the certificate of `own`, if any.
pub(crate) fn client(trusted: &TlsFiles, own: Option<&TlsFiles>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&trusted.ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(files) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(&files.cert).unwrap()],
                PrivateKeyDer::from_pem_file(&files.key).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

pub(crate) async fn shake_hands(
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// In TLS 1.3 a client learns only when it reads that the server did not like its certificate.
async fn first_byte(address: SocketAddr, config: ClientConfig) -> io::Result<u8> {
    let mut stream = shake_hands(address, config).await?;
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_u8());
    read.await.unwrap()
}

#[tokio::test]
async fn only_certificates_of_our_authority_get_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = start(&authority).await;
    let ours = authority.files("console");
    // A server speaks first in HTTP/2: settings.
    assert!(first_byte(server.address, client(&ours, Some(&ours))).await.is_ok());
    let none = first_byte(server.address, client(&ours, None)).await.unwrap_err();
    assert!(none.to_string().contains("CertificateRequired"), "{none}");
    let theirs = first_byte(server.address, client(&ours, Some(&other.files("console")))).await.unwrap_err();
    // Both authorities have one name, so it is the signature that is wrong.
    assert!(theirs.to_string().contains("DecryptError"), "{theirs}");
    server.stop().await;
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&client_hello_1_2()).await.unwrap();
    let mut alert = [0; 7];
    stream.read_exact(&mut alert).await.unwrap();
    // Record type alert; fatal; protocol_version (RFC 8446 §6).
    assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70), "{alert:?}");
    server.stop().await;
}

/// A client hello that offers TLS 1.2 and no more (RFC 5246 §7.4.1.2).
fn client_hello_1_2() -> Vec<u8> {
    let extensions: [&[u8]; 3] =
        [&[0, 10, 0, 4, 0, 2, 0, 23], &[0, 11, 0, 2, 1, 0], &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4]];
    let extensions = extensions.concat();
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend(extensions);
    let length = u16::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(hello);
    record
}

#[tokio::test]
async fn who_dawdles_at_the_handshake_keeps_nobody_waiting() {
    let authority = Authority::new();
    let mut options = options(authority.files("tenant"));
    options.limits.handshakes = 3;
    options.limits.handshake_time = Duration::from_millis(300);
    let server = start_with(options, Tree::default()).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut console = tree_client(server.address, &authority.files("console"));
    assert!(console.get_organization(get("caller", "admin")).await.is_ok());
    for mut stream in idle {
        // Closed by the server when the time is over.
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_the_others_live() {
    let authority = Authority::new();
    let mut options = options(authority.files("tenant"));
    options.limits.connections = 1;
    let server = start_with(options, Tree::default()).await;
    let tls = authority.files("console");
    let mut first = tree_client(server.address, &tls);
    assert!(first.get_organization(get("caller", "admin")).await.is_ok());
    assert!(first_byte(server.address, client(&tls, Some(&tls))).await.is_err());
    assert!(first.get_organization(get("caller", "admin")).await.is_ok());
    server.stop().await;
}
