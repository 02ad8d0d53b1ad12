//! All addresses of a peer: looked up again and again, each connected to, taken in turn.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::body::Body;

use super::connect::Dialer;
use super::link::{Link, State, keep};
use super::names::{self, LookUp};

/// How often names are looked up: a new replica is found by then.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How often at most, when addresses fail.
const LEAST_BETWEEN: Duration = Duration::from_millis(500);
/// How long an address that was not ready is left out while others are.
const REST: Duration = Duration::from_millis(500);

/// The ways to one peer. They are kept from the first call on until this is dropped.
pub(super) struct Links {
    shared: Arc<Shared>,
    keeper: OnceLock<AbortHandle>,
}

/// What the tasks of a peer's links share.
pub(super) struct Shared {
    pub(super) dialer: Dialer,
    /// `host:port`.
    names: Vec<String>,
    find: LookUp,
    table: Mutex<Table>,
    /// Counts changes of the table.
    changes: watch::Sender<u64>,
    turn: AtomicUsize,
    look_up: Notify,
}

#[derive(Default)]
struct Table {
    links: Vec<Link>,
    /// Why there are none, or not all.
    nameless: Option<Arc<io::Error>>,
    /// Nobody calls any more.
    is_over: bool,
}

/// A way to send a request.
pub(super) struct Way {
    pub(super) address: SocketAddr,
    pub(super) sender: SendRequest<Body>,
}

enum Choice {
    Go(Way),
    Wait,
    Down(Arc<io::Error>),
}

impl Links {
    pub(super) fn new(dialer: Dialer, names: Vec<String>, find: LookUp) -> Self {
        let shared = Shared {
            dialer,
            names,
            find,
            table: Mutex::default(),
            changes: watch::Sender::new(0),
            turn: AtomicUsize::new(0),
            look_up: Notify::new(),
        };
        Self { shared: Arc::new(shared), keeper: OnceLock::new() }
    }

    /// The next connection in turn, another address than `but` where there is one. Waits only while an address is being
    /// connected to and none is: when all have failed a moment ago it says so at once.
    ///
    /// # Errors
    /// None of the addresses accepts.
    pub(super) async fn next(&self, but: Option<SocketAddr>) -> Result<Way, Arc<io::Error>> {
        self.keeper.get_or_init(|| tokio::spawn(keep_looking(Arc::clone(&self.shared))).abort_handle());
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            match self.shared.choose(but) {
                Choice::Go(way) => return Ok(way),
                Choice::Down(error) => return Err(error),
                // The sender is ours: it does not go away.
                Choice::Wait => drop(changes.changed().await),
            }
        }
    }

    /// Leaves an address out for a moment, while there are others.
    pub(super) fn rest(&self, address: SocketAddr) {
        let mut table = self.shared.lock();
        if let Some(link) = table.links.iter_mut().find(|link| link.address == address) {
            link.resting = Some(Instant::now() + REST);
        }
    }

    /// The peer's name.
    pub(super) fn peer(&self) -> &str {
        self.shared.dialer.peer()
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.abort();
        }
        // Their tasks hold what holds them.
        let mut table = self.shared.lock();
        table.is_over = true;
        table.links.clear();
    }
}

impl Shared {
    /// Says how an address stands now.
    pub(super) fn turn(&self, address: SocketAddr, state: State) {
        let mut table = self.lock();
        if let Some(link) = table.links.iter_mut().find(|link| link.address == address) {
            link.state = state;
        }
        drop(table);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// An address failed: the names may have others by now.
    pub(super) fn look_up_again(&self) {
        self.look_up.notify_one();
    }

    fn choose(&self, but: Option<SocketAddr>) -> Choice {
        let (mut table, now) = (self.lock(), Instant::now());
        let up: Vec<_> = table.links.iter().filter_map(|link| way(link).map(|way| (link, way))).collect();
        let is_fresh = |link: &Link| link.resting.is_none_or(|until| until <= now);
        let is_other = |link: &Link| but != Some(link.address);
        let best: Vec<_> = up.iter().filter(|(link, _)| is_fresh(link) && is_other(link)).collect();
        let good: Vec<_> = up.iter().filter(|(link, _)| is_other(link)).collect();
        let all: Vec<_> = up.iter().collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for choice in [best, good, all] {
            if let Some((link, sender)) = choice.get(turn.checked_rem(choice.len()).unwrap_or(0)) {
                return Choice::Go(Way { address: link.address, sender: (*sender).clone() });
            }
        }
        if table.links.is_empty() {
            return table.nameless.clone().map_or(Choice::Wait, Choice::Down);
        }
        let (mut failure, mut is_tried) = (None, false);
        for link in &mut table.links {
            match &link.state {
                State::Down { again, error } if *again > now => failure = Some(Arc::clone(error)),
                State::Down { .. } => {
                    link.state = State::Connecting;
                    link.kick.notify_one();
                    is_tried = true;
                }
                State::Connecting | State::Up(_) => is_tried = true,
            }
        }
        failure.filter(|_| !is_tried).map_or(Choice::Wait, Choice::Down)
    }

    /// Makes the links those of the addresses found; of names that could not be looked up, what was known stays. What is under
    /// way on one that is given up ends in peace.
    fn settle(self: &Arc<Self>, found: &BTreeSet<SocketAddr>, failure: Option<io::Error>) {
        let mut table = self.lock();
        if table.is_over {
            return;
        }
        if failure.is_none() {
            table.links.retain(|link| found.contains(&link.address));
        }
        for address in found {
            if table.links.iter().all(|link| link.address != *address) {
                let kick = Arc::new(Notify::new());
                let task = tokio::spawn(keep(Arc::clone(self), *address, Arc::clone(&kick))).abort_handle();
                table.links.push(Link {
                    address: *address,
                    state: State::Connecting,
                    resting: None,
                    kick,
                    task,
                });
            }
        }
        table.nameless = failure.map(Arc::new);
        drop(table);
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it is held.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection takes no more calls some time before its end is noted.
fn way(link: &Link) -> Option<&SendRequest<Body>> {
    match &link.state {
        State::Up(sender) if !sender.is_closed() => Some(sender),
        _ => None,
    }
}

/// Looks the names up for as long as there is somebody to call.
async fn keep_looking(shared: Arc<Shared>) {
    loop {
        let mut found = BTreeSet::new();
        let mut failure = None;
        for name in &shared.names {
            match names::addresses(&shared.find, name).await {
                Ok(addresses) => found.extend(addresses),
                Err(error) => {
                    tracing::warn!(peer = shared.dialer.peer(), name, %error, "a peer's name cannot be looked up");
                    failure = Some(error);
                }
            }
        }
        shared.settle(&found, failure);
        sleep(LEAST_BETWEEN).await;
        drop(timeout(LOOK_UP - LEAST_BETWEEN, shared.look_up.notified()).await);
    }
}
