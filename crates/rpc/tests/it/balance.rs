//! Several servers behind one channel: calls are spread, one may die and come back, all may, and nothing is done twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fault::Reason;
use proto::tenant::CreateCompanyRequest;
use proto::tenant::tenant_service_client::TenantServiceClient;
use rpc::{PeerChannel, TlsFiles};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{
    Authority, Running, assert_refused, get, options, start_closed, start_with, with_bearer,
};
use crate::tree::Tree;

pub(crate) type Client = TenantServiceClient<PeerChannel>;

fn client(addresses: &[SocketAddr], tls: &TlsFiles) -> Client {
    let addresses = addresses.iter().map(ToString::to_string).collect();
    TenantServiceClient::new(PeerChannel::connect_lazily(addresses, tls, "tenant").unwrap())
}

/// A server that counts what arrives.
pub(crate) struct Counted {
    pub(crate) server: Running,
    calls: Arc<AtomicUsize>,
}

impl Counted {
    pub(crate) async fn start(authority: &Authority, is_stuck: bool) -> Self {
        Self::start_at(authority, SocketAddr::from(([127, 0, 0, 1], 0)), is_stuck).await
    }

    async fn start_at(authority: &Authority, address: SocketAddr, is_stuck: bool) -> Self {
        let calls = Arc::<AtomicUsize>::default();
        let tree = Tree { calls: Arc::clone(&calls), is_stuck, ..Tree::default() };
        let mut options = options(authority.files("tenant"));
        options.listen = address;
        // What is never answered is not waited for at the end of a test.
        options.limits.shutdown_grace = Duration::from_millis(100);
        Self { server: start_with(options, tree).await, calls }
    }

    pub(crate) fn seen(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

pub(crate) async fn call(client: &mut Client) -> Result<(), tonic::Status> {
    client.get_organization(get("caller", "admin")).await.map(drop)
}

/// Calls, all of which must succeed, until something holds.
async fn call_until(client: &mut Client, what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to pass that {what}");
        call(client).await.unwrap();
    }
}

#[tokio::test]
async fn calls_are_spread_and_who_dies_and_comes_back_is_not_noticed() {
    let authority = Authority::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Counted::start(&authority, false).await);
    }
    let addresses: Vec<_> = servers.iter().map(|one| one.server.address).collect();
    let mut client = client(&addresses, &authority.files("operator"));
    call_until(&mut client, "all have been called", || servers.iter().all(|one| one.seen() > 0)).await;
    let before: Vec<_> = servers.iter().map(Counted::seen).collect();
    for _ in 0..30 {
        call(&mut client).await.unwrap();
    }
    let grown: Vec<_> = servers.iter().zip(before).map(|(one, before)| one.seen() - before).collect();
    assert_eq!(grown, [10, 10, 10]);

    // One goes while calls are made: none fails.
    let gone = servers.remove(0);
    let address = gone.server.address;
    let stopping = tokio::spawn(gone.server.stop());
    while !stopping.is_finished() {
        call(&mut client).await.unwrap();
    }
    for _ in 0..10 {
        call(&mut client).await.unwrap();
    }

    // It comes back, and is found without being told.
    let back = Counted::start_at(&authority, address, false).await;
    call_until(&mut client, "the one that came back is called", || back.seen() > 0).await;

    // All go: calls fail, at once, and succeed when one is there again.
    back.server.stop().await;
    for one in servers {
        one.server.stop().await;
    }
    for _ in 0..20 {
        let begun = Instant::now();
        assert_refused(&call(&mut client).await.unwrap_err(), Reason::DependencyUnavailable);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    let again = Counted::start_at(&authority, address, false).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while call(&mut client).await.is_err() {
        assert!(Instant::now() < deadline, "the one that came back is not found");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    again.server.stop().await;
}

/// Passes bytes on to a server, and breaks all its connections when told, or always when a call has arrived.
struct Wire {
    address: SocketAddr,
    cut: watch::Sender<u32>,
}

impl Wire {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, watching) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut watching = watching.clone();
                watching.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = watching.changed() => {}
                    }
                });
            }
        });
        Self { address, cut }
    }

    /// Breaks whatever is connected as soon as another call has arrived, every time.
    fn break_every_call(self, calls: Arc<AtomicUsize>) {
        tokio::spawn(async move {
            let mut seen = calls.load(Ordering::SeqCst);
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                let now = calls.load(Ordering::SeqCst);
                if now > seen {
                    seen = now;
                    self.cut.send_modify(|cuts| *cuts += 1);
                }
            }
        });
    }
}

/// A server that is never heard of again once a call has arrived, and its address.
async fn swallowing(authority: &Authority) -> (Counted, SocketAddr) {
    let stuck = Counted::start(authority, true).await;
    let wire = Wire::to(stuck.server.address).await;
    let address = wire.address;
    wire.break_every_call(Arc::clone(&stuck.calls));
    (stuck, address)
}

pub(crate) fn create(request_id: &str) -> tonic::Request<CreateCompanyRequest> {
    let request_id = request_id.to_owned();
    with_bearer(CreateCompanyRequest { request_id, ..CreateCompanyRequest::default() }, "admin")
}

#[tokio::test]
async fn a_lost_call_is_repeated_when_that_is_known_to_be_harmless() {
    let authority = Authority::new();
    let tls = authority.files("operator");
    let (stuck, swallowing) = swallowing(&authority).await;
    let well = Counted::start(&authority, false).await;
    // Until the bad one had its turn: every call succeeds.
    let mut reader = client(&[swallowing, well.server.address], &tls);
    call_until(&mut reader, "a call was lost", || stuck.seen() > 0).await;
    let mut writer = client(&[swallowing, well.server.address], &tls);
    let before = stuck.seen();
    let deadline = Instant::now() + Duration::from_secs(10);
    while stuck.seen() == before {
        assert!(Instant::now() < deadline);
        let sent = well.seen();
        writer.create_company(create("the same request")).await.unwrap();
        assert_eq!(well.seen(), sent + 1);
    }
    well.server.stop().await;
    stuck.server.stop().await;
}

#[tokio::test]
async fn a_lost_call_that_may_have_done_something_is_not_repeated() {
    let authority = Authority::new();
    let (stuck, swallowing) = swallowing(&authority).await;
    let well = Counted::start(&authority, false).await;
    let mut client = client(&[swallowing, well.server.address], &authority.files("operator"));
    let mut made = 0;
    let status = loop {
        assert_eq!(well.seen(), made, "what is done is what was answered");
        match client.create_company(create("")).await {
            Ok(_) => made += 1,
            Err(status) => break status,
        }
        assert!(made < 1_000);
    };
    assert_refused(&status, Reason::DependencyUnavailable);
    assert_eq!((stuck.seen(), well.seen()), (1, made));
    well.server.stop().await;
    stuck.server.stop().await;
}

#[tokio::test]
async fn repetitions_are_bounded() {
    let authority = Authority::new();
    let (stuck, swallowing) = swallowing(&authority).await;
    let mut client = client(&[swallowing], &authority.files("operator"));
    let begun = Instant::now();
    assert_refused(&call(&mut client).await.unwrap_err(), Reason::DependencyUnavailable);
    assert!((1..=4).contains(&stuck.seen()), "{}", stuck.seen());
    assert!(begun.elapsed() < Duration::from_secs(5));
    // And by the time of the call.
    let mut hurried = get("caller", "admin");
    hurried.set_timeout(Duration::from_millis(1));
    assert!(client.get_organization(hurried).await.is_err());
    stuck.server.stop().await;
}

#[tokio::test]
async fn who_is_not_ready_is_passed_over_even_for_what_is_never_repeated() {
    let authority = Authority::new();
    let closed = start_closed(&authority).await;
    let well = Counted::start(&authority, false).await;
    let mut client = client(&[closed.address, well.server.address], &authority.files("operator"));
    // The first connection may be the closed one's alone; it says so until the other one is there.
    let deadline = Instant::now() + Duration::from_secs(5);
    while client.create_company(create("")).await.is_err() {
        assert!(Instant::now() < deadline);
    }
    let before = well.seen();
    for _ in 0..10 {
        client.create_company(create("")).await.unwrap();
    }
    assert_eq!(well.seen(), before + 10);
    well.server.stop().await;
    closed.stop().await;
}

#[tokio::test]
async fn a_name_has_the_addresses_it_resolves_to() {
    let authority = Authority::new();
    let server = Counted::start(&authority, false).await;
    // Where the name has an IPv6 address too, nobody listens there.
    let name = format!("localhost:{}", server.server.address.port());
    let channel = PeerChannel::connect_lazily(vec![name], &authority.files("operator"), "tenant").unwrap();
    let mut client = TenantServiceClient::new(channel);
    for _ in 0..10 {
        call(&mut client).await.unwrap();
    }
    let nowhere = vec!["no-such-name.invalid:1".to_owned()];
    let channel = PeerChannel::connect_lazily(nowhere, &authority.files("operator"), "tenant").unwrap();
    let status = call(&mut TenantServiceClient::new(channel)).await.unwrap_err();
    assert_refused(&status, Reason::DependencyUnavailable);
    server.server.stop().await;
}
