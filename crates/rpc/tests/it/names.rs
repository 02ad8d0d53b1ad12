//! A headless name whose addresses change while calls are made: replicas go, with or without a word, and come at other addresses. No
//! call of a client that keeps to `docs/clients.md` - which is what a channel of ours does by itself - fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fault::Reason;
use proto::tenant::tenant_service_client::TenantServiceClient;
use rpc::{LookUp, PeerChannel};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::balance::{Client, Counted, call, create};
use crate::support::{Authority, TRUST_DOMAIN, assert_refused};

/// How soon a changed name is noticed: it is looked up every five seconds.
const NOTICED: Duration = Duration::from_secs(8);
const CALLERS: usize = 8;

/// A name, and the addresses that it has at this moment.
#[derive(Clone, Default)]
struct Name(Arc<Mutex<Vec<SocketAddr>>>);

impl Name {
    fn of(addresses: &[SocketAddr]) -> Self {
        Self(Arc::new(Mutex::new(addresses.to_vec())))
    }

    fn becomes(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn client(&self, authority: &Authority) -> Client {
        let known = Arc::clone(&self.0);
        let look_up: LookUp = Arc::new(move |name| {
            assert_eq!(name, "tenant.example:7443");
            let addresses = known.lock().unwrap().clone();
            Box::pin(async move { Ok(addresses) })
        });
        let (names, tls) = (vec!["tenant.example:7443".to_owned()], authority.files("operator"));
        let channel = PeerChannel::connect_lazily_by(look_up, TRUST_DOMAIN, names, &tls, "tenant");
        TenantServiceClient::new(channel.unwrap())
    }
}

/// Callers who read and write without a pause, until they are told to stop; what failed for them.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<tonic::Status>>,
}

impl Callers {
    fn start(client: &Client) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut tasks = JoinSet::new();
        for caller in 0..CALLERS {
            let (mut client, stop) = (client.clone(), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut failed = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let answer = if caller % 2 == 0 {
                        call(&mut client).await
                    } else {
                        client.create_company(create(&Uuid::now_v7().to_string())).await.map(drop)
                    };
                    failed.extend(answer.err());
                }
                failed
            });
        }
        Self { stop, tasks }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        let failed = self.tasks.join_all().await.concat();
        assert!(failed.is_empty(), "{} calls failed, the first: {:?}", failed.len(), failed.first());
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < NOTICED, "it does not come to pass that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a server is called, and again.
async fn is_called(server: &Counted) {
    let before = server.seen();
    until("a replica is called", || server.seen() > before + CALLERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_move_to_other_addresses_cost_no_call() {
    let authority = Authority::new();
    let first = Counted::start(&authority, false).await;
    let second = Counted::start(&authority, false).await;
    let name = Name::of(&[first.server.address, second.server.address]);
    let callers = Callers::start(&name.client(&authority));
    is_called(&first).await;
    is_called(&second).await;

    // One is replaced by one elsewhere: the name says so at the moment at which the old one begins to end.
    let third = Counted::start(&authority, false).await;
    name.becomes(&[second.server.address, third.server.address]);
    first.server.stop().await;
    is_called(&third).await;
    // The other one, too; it is gone before the name says so.
    second.server.stop().await;
    let fourth = Counted::start(&authority, false).await;
    is_called(&third).await;
    name.becomes(&[third.server.address, fourth.server.address]);
    is_called(&fourth).await;
    // And one is the name's no more, and lives on: it is left in peace.
    name.becomes(&[fourth.server.address]);
    let begun = Instant::now();
    loop {
        let before = third.seen();
        is_called(&fourth).await;
        if third.seen() == before {
            break;
        }
        assert!(begun.elapsed() < NOTICED, "it is still called");
    }
    callers.end().await;
    third.server.stop().await;
    fourth.server.stop().await;
}

/// A host before a server: it passes everything on, until it vanishes, connections and all.
struct Host {
    address: SocketAddr,
    vanished: watch::Sender<bool>,
}

impl Host {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (vanished, watching) = watch::channel(false);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut near, _)) = listener.accept().await {
                if *watching.borrow() {
                    held.push(near);
                    continue;
                }
                let mut watching = watching.clone();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    let vanished = tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => false,
                        _ = watching.wait_for(|vanished| *vanished) => true,
                    };
                    if vanished {
                        // Neither end hears of it.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { address, vanished }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_vanishes_without_a_word_costs_time_and_no_call() {
    let authority = Authority::new();
    let behind = Counted::start(&authority, false).await;
    let stays = Counted::start(&authority, false).await;
    let host = Host::before(behind.server.address).await;
    let name = Name::of(&[host.address, stays.server.address]);
    let callers = Callers::start(&name.client(&authority));
    is_called(&behind).await;
    host.vanished.send(true).unwrap();
    // Calls that were under way there are noticed to be lost within five seconds, and made elsewhere.
    is_called(&stays).await;
    let came = Counted::start(&authority, false).await;
    name.becomes(&[stays.server.address, came.server.address]);
    is_called(&came).await;
    callers.end().await;
    for server in [behind, stays, came] {
        server.server.stop().await;
    }
}

/// An address whose host takes no packets: a queue of connections that nobody takes from, and that is full.
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
async fn an_address_that_swallows_packets_is_not_waited_for() {
    let authority = Authority::new();
    let (hole, _waiting, _listener) = swallowing().await;
    let well = Counted::start(&authority, false).await;
    // Alone it is given up soon.
    let begun = Instant::now();
    let refused = call(&mut Name::of(&[hole]).client(&authority)).await.unwrap_err();
    assert_refused(&refused, Reason::DependencyUnavailable);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Beside another one nobody waits for it: a hundred calls would take minutes.
    let mut client = Name::of(&[hole, well.server.address]).client(&authority);
    let begun = Instant::now();
    for _ in 0..100 {
        call(&mut client).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(well.seen(), 100);
    well.server.stop().await;
}
