//! Channels: whom they trust, where they connect, what they carry.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fault::Reason;
use proto::tenant::tenant_service_client::TenantServiceClient;
use rpc::{ConnectError, PeerChannel, TlsFiles};
use tokio::net::TcpListener;

use crate::support::{
    Authority, TRUST_DOMAIN, assert_refused, channel, get, options, start, start_with, tree_client,
};
use crate::tree::Tree;

fn client(addresses: &[SocketAddr], tls: &TlsFiles, peer: &str) -> TenantServiceClient<PeerChannel> {
    let addresses = addresses.iter().map(ToString::to_string).collect();
    TenantServiceClient::new(PeerChannel::connect_lazily(addresses, tls, peer).unwrap())
}

/// An address where nobody listens.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_server_that_is_not_the_expected_peer_gets_no_request() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = start(&authority).await;
    let ours = authority.files("operator");
    // Our CA, another name.
    let mut wrong_peer = client(&[server.address], &ours, "mfa");
    // Another CA, the right name.
    let mut wrong_authority = client(&[server.address], &other.files("operator"), "tenant");
    // Our CA, the right name, another trust domain or namespace.
    let elsewhere = |domain: &str| {
        let addresses = vec![server.address.to_string()];
        TenantServiceClient::new(PeerChannel::connect_lazily_in(domain, addresses, &ours, "tenant").unwrap())
    };
    let mut wrong_domain = elsewhere("elsewhere.example");
    let mut wrong_namespace = elsewhere("countersign.local/ns/other");
    for client in [&mut wrong_peer, &mut wrong_authority, &mut wrong_domain, &mut wrong_namespace] {
        let status = client.get_organization(get("caller", "admin")).await.unwrap_err();
        assert_refused(&status, Reason::DependencyUnavailable);
    }
    let mut right_namespace = elsewhere(&format!("{TRUST_DOMAIN}/ns/default"));
    assert!(right_namespace.get_organization(get("caller", "admin")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn the_next_address_is_tried_and_a_lost_connection_made_again() {
    let authority = Authority::new();
    let (first, second) = (start(&authority).await, start(&authority).await);
    let tls = authority.files("operator");
    let mut client = client(&[dead().await, first.address, second.address], &tls, "tenant");
    assert!(client.get_organization(get("caller", "admin")).await.is_ok());
    first.stop().await;
    let connected = async {
        // The moment at which the channel notices is not ours to choose; the second server is found without being told.
        while client.get_organization(get("caller", "admin")).await.is_err() {}
    };
    tokio::time::timeout(Duration::from_secs(10), connected).await.unwrap();
    second.stop().await;
    let status = client.get_organization(get("caller", "admin")).await.unwrap_err();
    assert_refused(&status, Reason::DependencyUnavailable);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_unavailable_soon() {
    let authority = Authority::new();
    let tls = authority.files("operator");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [dead().await, silent.local_addr().unwrap()] {
        let begun = Instant::now();
        let status =
            client(&[address], &tls, "tenant").get_organization(get("caller", "")).await.unwrap_err();
        assert_refused(&status, Reason::DependencyUnavailable);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn new_connections_show_new_certificates() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let (console, operator) = (authority.files("console"), authority.files("operator"));
    let [cert, key] = ["own.crt", "own.key"].map(|name| authority.path().join(name));
    let tls = TlsFiles { ca: console.ca.clone(), cert, key };
    let put = |files: &TlsFiles| {
        std::fs::copy(&files.cert, &tls.cert).unwrap();
        std::fs::copy(&files.key, &tls.key).unwrap();
    };
    put(&console);
    let mut options = options(authority.files("tenant"));
    options.listen = server.address;
    let mut client = tree_client(server.address, &tls);
    let answer = client.get_organization(get("caller", "admin")).await.unwrap().into_inner();
    assert!(answer.organization.unwrap().name.starts_with("console"));
    put(&operator);
    server.stop().await;
    let server = start_with(options, Tree::default()).await;
    let name = async {
        loop {
            if let Ok(answer) = client.get_organization(get("caller", "admin")).await {
                break answer.into_inner().organization.unwrap().name;
            }
        }
    };
    let name = tokio::time::timeout(Duration::from_secs(10), name).await.unwrap();
    assert!(name.starts_with("operator"), "{name}");
    server.stop().await;
}

#[tokio::test]
async fn deadline_trace_and_refusals_travel_on() {
    let authority = Authority::new();
    let last = start(&authority).await;
    // A server that asks the next one in the operator's name.
    let next = Some(channel(last.address, &authority.files("operator")));
    let mut limits = options(authority.files("tenant"));
    limits.limits.request_time = Duration::from_secs(8);
    let first = start_with(limits, Tree { next, ..Tree::default() }).await;
    let mut client = tree_client(first.address, &authority.files("console"));
    let mut ask = async |trick: &str| {
        let mut request = get(trick, "admin");
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        client.get_organization(request).await.map(|answer| answer.into_inner().organization.unwrap().name)
    };
    assert_eq!(ask("trace").await.unwrap(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(ask("relay:trace").await.unwrap(), "4bf92f3577b34da6a3ce929d0e0e4736");
    // The last server's own cap is 30 seconds; what it sees is what the first had left.
    let time: u64 = ask("relay:time").await.unwrap().parse().unwrap();
    assert!((1_000..=8_000).contains(&time), "{time}");
    assert_refused(&ask("relay:missing").await.unwrap_err(), Reason::NotFound);
    assert_refused(&ask("relay:panic").await.unwrap_err(), Reason::Internal);
    last.stop().await;
    let status = ask("relay:trace").await.unwrap_err();
    assert_refused(&status, Reason::DependencyUnavailable);
    first.stop().await;
}

#[tokio::test]
async fn what_is_no_address_is_told_at_once() {
    let authority = Authority::new();
    let tls = authority.files("operator");
    for address in ["", "localhost", ":7401", "localhost:", "localhost:port", "localhost:70000"] {
        let made = PeerChannel::connect_lazily(vec![address.to_owned()], &tls, "tenant");
        assert!(matches!(made, Err(ConnectError::Address(_))), "{address}");
    }
    assert!(matches!(PeerChannel::connect_lazily(vec![], &tls, "tenant"), Err(ConnectError::Address(_))));
    let missing = TlsFiles { cert: authority.path().join("none.crt"), ..tls };
    let made = PeerChannel::connect_lazily(vec!["localhost:1".to_owned()], &missing, "tenant");
    assert!(matches!(made, Err(ConnectError::Tls(_))));
}
