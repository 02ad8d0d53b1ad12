//! Hashing passwords: Argon2id on a bounded pool, fair to the places callers come from.
//!
//! Each hash takes 19 MiB and a core for some 20 ms, so that guessing is dear; therefore at most `permits` run at once,
//! with memory that is used again, and at most `queue` wait. Addresses take turns, and whoever asks for many places loses
//! them first ([`Lanes`]). Every verification costs one hash, whoever it is for.

mod argon2id;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use argon2::Block;
use fault::{Fault, Outcome, Reason};
use tokio::sync::oneshot;
use types::{Password, UserId, random_bytes};

use crate::domain::lanes::{self, Lanes};
use crate::domain::password::StoredHash;

/// When a caller for whom there is no place should ask again: the queue is worked off by then.
const AGAIN: Duration = Duration::from_secs(1);

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the password is the hash's.
    pub matches: bool,
    /// Whether the hash was made with lower parameters than today's: hash the password again.
    pub outdated: bool,
}

/// How much hashing may go on at once.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Hashes at once.
    pub permits: usize,
    /// Callers that may wait.
    pub queue: usize,
}

impl Default for PoolSize {
    /// As many hashes as cores; 64 callers may wait for each.
    fn default() -> Self {
        let permits = available_parallelism().map_or(2, usize::from);
        Self { permits, queue: permits * 64 }
    }
}

/// Where a caller comes from: lanes take turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Anybody at this address, or in this network where addresses are plenty ([`network`](crate::domain::delays::network)).
    Address(IpAddr),
    /// Anybody whose address this peer did not tell.
    Peer(String),
    /// This user, who is signed in or holds a token of ours.
    User(UserId),
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct PasswordPool {
    queue: Arc<Queue>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
    computed: Arc<AtomicU64>,
    /// Verified against where there is no hash, so that nobody is faster for not existing.
    dummy: StoredHash,
}

impl PasswordPool {
    /// A pool; makes the hash that stands in for users that have none.
    ///
    /// # Errors
    /// INTERNAL when the operating system gives no randomness.
    pub fn new(size: PoolSize) -> Outcome<Self> {
        let secret = random_bytes::<32>().map_err(internal)?;
        let dummy = argon2id::hash(secret.as_slice(), &mut Vec::new())?;
        let lanes = Lanes::new(size.permits + size.queue);
        Ok(Self {
            queue: Arc::new(Queue(Mutex::new(Queued { lanes, idle: size.permits }))),
            memory: Arc::default(),
            computed: Arc::default(),
            dummy,
        })
    }

    /// Takes a place among those who hash or wait. At once, before anything is looked up.
    ///
    /// # Errors
    /// OVERLOADED when too many have one, and none in this lane is entitled to another's.
    pub fn enter(&self, lane: Lane) -> Outcome<Place> {
        let mut queued = self.queue.lock();
        let entered = queued.lanes.enter(lane);
        // Dropping its waker tells whoever lost their place.
        drop(queued);
        let (place, displaced) = entered.map_err(|lanes::Full| overloaded())?;
        drop(displaced);
        let taken = TakenPlace { queue: Arc::clone(&self.queue), place };
        let asked = Asked { at: Instant::now(), span: tracing::info_span!(telemetry::names::SPAN_ARGON2ID) };
        Ok(Place { pool: self.clone(), taken, asked })
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// OVERLOADED when too many wait; INTERNAL.
    pub async fn hash(&self, lane: Lane, password: Password) -> Outcome<StoredHash> {
        self.enter(lane)?.turn().await?.hash(password).await
    }

    /// Whether a password is a hash's.
    ///
    /// # Errors
    /// As `Turn::verify`; OVERLOADED when too many wait.
    pub async fn verify(
        &self,
        lane: Lane,
        stored: Option<StoredHash>,
        password: Password,
    ) -> Outcome<Verdict> {
        self.enter(lane)?.turn().await?.verify(stored, password).await
    }

    /// How many hashes were computed so far.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// How many hash, wait, or are about to.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.queue.lock().lanes.taken()
    }
}

impl std::fmt::Debug for PasswordPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PasswordPool").finish_non_exhaustive()
    }
}

/// A place in the queue. A caller that goes away frees it.
#[derive(Debug)]
#[must_use = "a place is there to wait for a turn"]
pub struct Place {
    pool: PasswordPool,
    taken: TakenPlace,
    asked: Asked,
}

/// When a hash was asked for, and its span: from then until it is there.
#[derive(Debug)]
struct Asked {
    at: Instant,
    span: tracing::Span,
}

impl Place {
    /// Waits for the turn of this place.
    ///
    /// # Errors
    /// OVERLOADED when the place went to a shorter lane.
    pub async fn turn(self) -> Outcome<Turn> {
        let Self { pool, taken, asked } = self;
        let (waker, woken) = oneshot::channel();
        let waits = pool.queue.lock().lanes.wait(taken.place, waker).is_ok();
        if !waits {
            return Err(overloaded());
        }
        pool.queue.work();
        let permit = woken.await.map_err(|_| overloaded())?;
        Ok(Turn { pool, asked, _taken: taken, _permit: permit })
    }
}

/// One hash may be computed now. A hash that runs, runs to its end, and holds its turn until then.
#[derive(Debug)]
#[must_use = "others wait for this turn to be used"]
pub struct Turn {
    pool: PasswordPool,
    asked: Asked,
    _taken: TakenPlace,
    _permit: Permit,
}

impl Turn {
    /// The hash of a new password.
    ///
    /// # Errors
    /// INTERNAL.
    pub async fn hash(self, password: Password) -> Outcome<StoredHash> {
        self.run(move |memory| argon2id::hash(password.expose().as_bytes(), memory)).await
    }

    /// Whether a password is a hash's. Without a hash it costs the same and never matches.
    ///
    /// # Errors
    /// CORRUPT when the hash cannot be read.
    pub async fn verify(self, stored: Option<StoredHash>, password: Password) -> Outcome<Verdict> {
        let dummy = self.pool.dummy.clone();
        self.run(move |memory| match stored {
            Some(stored) => argon2id::verify(&stored, password.expose().as_bytes(), memory),
            None => {
                argon2id::verify(&dummy, password.expose().as_bytes(), memory)?;
                Ok(Verdict { matches: false, outdated: false })
            }
        })
        .await
    }

    async fn run<T, F>(self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Vec<Block>) -> Outcome<T> + Send + 'static,
    {
        tokio::task::spawn_blocking(move || {
            // All of it, with the permit: a closure takes no more of `self` than it names.
            let turn = self;
            let _span = turn.asked.span.enter();
            let shared = &turn.pool.memory;
            let mut memory = shared.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let outcome = work(&mut memory);
            shared.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            turn.pool.computed.fetch_add(1, Ordering::Relaxed);
            telemetry::metrics::hashed(turn.asked.at.elapsed());
            outcome
        })
        .await
        .map_err(internal)?
    }
}

/// Who waits, and how many may begin.
struct Queue(Mutex<Queued>);

struct Queued {
    lanes: Lanes<Lane, oneshot::Sender<Permit>>,
    idle: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives turns while there are permits.
    fn work(self: &Arc<Self>) {
        loop {
            let mut queued = self.lock();
            if queued.idle == 0 {
                return;
            }
            let Some((_, waker)) = queued.lanes.next_turn() else { return };
            queued.idle -= 1;
            // Not under the lock: a permit that nobody takes takes it, to come back.
            drop(queued);
            if let Err(untaken) = waker.send(Permit { queue: Some(Arc::clone(self)) }) {
                untaken.come_back();
            }
        }
    }
}

/// One of the pool's permits.
struct Permit {
    /// None once it has come back.
    queue: Option<Arc<Queue>>,
}

impl Permit {
    /// To whoever is giving turns anyway.
    fn come_back(mut self) {
        if let Some(queue) = self.queue.take() {
            queue.lock().idle += 1;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.lock().idle += 1;
            queue.work();
        }
    }
}

struct TakenPlace {
    queue: Arc<Queue>,
    place: lanes::Place,
}

impl Drop for TakenPlace {
    fn drop(&mut self) {
        self.queue.lock().lanes.leave(self.place);
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TakenPlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TakenPlace").field("place", &self.place).finish_non_exhaustive()
    }
}

fn overloaded() -> Fault {
    Fault::new(Reason::Overloaded).with_retry_after(AGAIN)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(Reason::Internal).with_cause(error)
}

#[cfg(test)]
mod tests;
