//! Certificates that change while the server runs.

use std::net::SocketAddr;
use std::time::Duration;

use rpc::TlsFiles;

use crate::handshake::{client, shake_hands};
use crate::support::{Authority, get, start, tree_client};

async fn shown(address: SocketAddr, tls: &TlsFiles) -> Vec<u8> {
    let stream = shake_hands(address, client(tls, Some(tls))).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn new_connections_use_new_files_and_old_ones_live() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let tls = authority.files("console");
    let mut early = tree_client(server.address, &tls);
    assert!(early.get_organization(get("caller", "admin")).await.is_ok());
    let before = shown(server.address, &tls).await;

    // Half a rotation, and rubbish, change nothing.
    let files = authority.files("tenant");
    let whole = std::fs::read(&files.cert).unwrap();
    std::fs::write(&files.cert, "-----BEGIN CERTIFICATE-----\nrubbish\n").unwrap();
    assert_eq!(shown(server.address, &tls).await, before);
    std::fs::write(&files.cert, whole).unwrap();

    authority.reissue("tenant");
    let changed = async {
        while shown(server.address, &tls).await == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), changed).await.unwrap();
    assert!(early.get_organization(get("caller", "admin")).await.is_ok());
    let mut late = tree_client(server.address, &tls);
    assert!(late.get_organization(get("caller", "admin")).await.is_ok());
    server.stop().await;
}
