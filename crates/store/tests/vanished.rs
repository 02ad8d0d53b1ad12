//! A host of the database that takes no packets any more: it is given up in bounded time, and the next one is used.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use local::postgres::{Options, Postgres};
use store::{PoolOptions, Store};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// What `docs/database.md` grants each host.
const PER_HOST: Duration = Duration::from_secs(3);

/// An address whose queue of connections is full, and that nobody takes from: packets to it are dropped.
async fn swallowing() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 16, "it takes connections");
    }
    (address, waiting, listener)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_swallows_packets_is_given_up_and_the_next_one_used_from_then_on() {
    let server = Postgres::start(Options::ephemeral()).await.unwrap();
    let (hole, _waiting, _listener) = swallowing().await;
    // postgres://ROLE:PASSWORD@HOST:PORT/NAME
    let url = server.superuser_url("postgres");
    let both = url.replacen('@', &format!("@{hole},"), 1);
    let options = PoolOptions { connections: 4, wait: Duration::from_secs(3) };
    let store = Store::connect_lazily(&both, options).unwrap();
    let begun = Instant::now();
    store.ping().await.unwrap();
    let first = begun.elapsed();
    assert!(first >= PER_HOST && first < PER_HOST * 2, "{first:?}");
    // Others begin where that one ended up: three more connections at once.
    let begun = Instant::now();
    let held = futures::future::try_join_all((0..4).map(|_| store.read())).await.unwrap();
    assert_eq!(held.len(), 4);
    assert!(begun.elapsed() < PER_HOST, "{:?}", begun.elapsed());

    // Alone it is told in the same time.
    let alone = url.replacen(&server.port().to_string(), &hole.port().to_string(), 1);
    let begun = Instant::now();
    assert!(Store::connect_lazily(&alone, options).unwrap().ping().await.is_err());
    assert!(begun.elapsed() < PER_HOST * 2, "{:?}", begun.elapsed());
}
