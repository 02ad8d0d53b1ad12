//! One service's own log, for reading: where its head is, and what stands there.

mod head;
mod tail;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clock::SharedClock;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use store::{PoolOptions, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::{EventId, ServiceName};

use crate::leaf::LeafHash;
use crate::rows::{self, Placed};
use tail::Tail;

/// Every statement that reads the log names its index by its form. Estimates cannot help, and they fail where the log
/// grows fast: a page of 50 is then planned as a sort of everything.
const SETTINGS: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off \
     -c enable_mergejoin=off -c enable_sort=off -c jit=off -c plan_cache_mode=force_generic_plan";
/// The most connections for reading, apart from the units' pool: watchers must not stand in their way.
const READERS: usize = 6;

/// The log of this service. Cheap to clone; clones share one listening connection.
#[derive(Debug, Clone)]
pub struct Log {
    shared: Arc<Shared>,
    /// Ends with the last clone.
    _task: Arc<HeadTask>,
}

/// What the task that follows the head shares with readers.
#[derive(Debug)]
struct Shared {
    service: ServiceName,
    store: Store,
    /// For reading events, with plans that do not depend on statistics.
    reads: Store,
    keyring: Arc<Keyring>,
    clock: SharedClock,
    head: watch::Sender<i64>,
    epoch: watch::Sender<i32>,
    tail: Tail,
    watchers: AtomicUsize,
}

#[derive(Debug)]
struct HeadTask(JoinHandle<()>);

impl Drop for HeadTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Log {
    /// Opens the log of `service` in its own database. Returns at once and reaches the database by itself; must be called
    /// within a tokio runtime. The keyring authenticates cursors and page tokens.
    #[must_use]
    pub fn open(service: ServiceName, store: Store, keyring: Arc<Keyring>, clock: SharedClock) -> Self {
        let options = PoolOptions { connections: READERS, ..PoolOptions::default() };
        // Without a pool of its own it reads as well, only less evenly.
        let reads = store.with_settings(SETTINGS, options).unwrap_or_else(|_| store.clone());
        let shared = Arc::new(Shared {
            service,
            store,
            reads,
            keyring,
            clock,
            head: watch::channel(0).0,
            epoch: watch::channel(0).0,
            tail: Tail::default(),
            watchers: AtomicUsize::new(0),
        });
        let task = tokio::spawn(head::follow(Arc::clone(&shared)));
        Self { shared, _task: Arc::new(HeadTask(task)) }
    }

    /// The last position given, as it moves. 0 until it is known.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<i64> {
        self.shared.head.subscribe()
    }

    /// The position of an event that was committed; waits until it has one. Cancellation is harmless.
    ///
    /// # Errors
    /// NOT_YET_IN_FORCE when the time is over; the event stands and gets its position later. UNAVAILABLE when the
    /// database does not answer.
    pub async fn position_of(&self, event_id: EventId, time: Duration) -> Outcome<i64> {
        let mut head = self.head();
        let wait = async {
            loop {
                head.borrow_and_update();
                if let Some(position) = rows::position_of(self.reads(), event_id.uuid()).await? {
                    return Ok(position);
                }
                if head.changed().await.is_err() {
                    return Err(Fault::from(StoreError::CutOff));
                }
            }
        };
        tokio::time::timeout(time, wait).await.unwrap_or_else(|_| Err(Reason::NotYetInForce.into()))
    }

    /// How many committed events have no position yet: the sequencer's lag. For metrics; it counts as many rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn unplaced(&self) -> Result<i64, StoreError> {
        rows::unplaced(self.reads()).await
    }

    /// The present epoch, as it changes; 0 until it is known.
    pub(crate) fn epoch(&self) -> watch::Receiver<i32> {
        self.shared.epoch.subscribe()
    }

    pub(crate) fn service(&self) -> ServiceName {
        self.shared.service
    }

    /// For reading events.
    pub(crate) fn reads(&self) -> &Store {
        &self.shared.reads
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    /// What follows `after` in memory, at most `limit` positions; `None` when it must be read from the table.
    pub(crate) fn recent(&self, after: i64, limit: usize) -> Option<Vec<Arc<Placed>>> {
        self.shared.tail.after(after, limit)
    }

    /// The leaf hash of a position; `None` when the log does not reach so far. Position 0 has 32 zero bytes.
    pub(crate) async fn leaf_at(&self, position: i64) -> Result<Option<LeafHash>, StoreError> {
        if position == 0 {
            return Ok(Some([0; 32]));
        }
        match self.shared.tail.leaf_at(position) {
            Some(leaf) => Ok(Some(leaf)),
            None => rows::leaf_at(self.reads(), position).await,
        }
    }

    /// Keeps recent events in memory for as long as somebody watches.
    pub(crate) fn watcher(&self) -> Watcher {
        self.shared.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher { log: self.clone() }
    }
}

/// Somebody who watches the log.
pub(crate) struct Watcher {
    log: Log,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.log.shared.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::ops::Deref for Watcher {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}
