//! Following the head: told by the sequencer's NOTIFY, and looking by itself twice a second in case a word was lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use store::{Listener, StoreError};
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::tail::MOST_ROWS;
use crate::{request_record, rows};

/// The sequencer's channel; its payload is the new head position.
const CHANNEL: &str = "event_log";
/// How often to look without being told.
const LOOK: Duration = Duration::from_millis(500);
/// How often expired request records are removed.
const SWEEP: Duration = Duration::from_secs(60);

pub(super) async fn follow(shared: Arc<Shared>) {
    let mut swept = Instant::now();
    loop {
        let outcome = match shared.store.listen(CHANNEL).await {
            Ok(mut listener) => listen(&shared, &mut listener, &mut swept).await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome;
        tracing::warn!(%error, "the head of the log cannot be followed");
        // What comes next may be another history: the database may have been restored.
        shared.tail.clear();
        sleep(LOOK).await;
    }
}

async fn listen(
    shared: &Shared,
    listener: &mut Listener,
    swept: &mut Instant,
) -> Result<std::convert::Infallible, StoreError> {
    look(shared).await?;
    loop {
        match timeout(LOOK, listener.next()).await {
            Ok(payload) => match payload?.parse() {
                Ok(position) => publish(shared, position).await?,
                Err(_) => look(shared).await?,
            },
            Err(_) => look(shared).await?,
        }
        if swept.elapsed() > SWEEP {
            *swept = Instant::now();
            sweep(shared).await;
        }
    }
}

async fn look(shared: &Shared) -> Result<(), StoreError> {
    let (position, epoch) = rows::head(&shared.reads).await?;
    shared.epoch.send_if_modified(|present| {
        let is_new = *present != epoch;
        *present = epoch;
        is_new
    });
    publish(shared, position).await
}

/// Reads what is new, once for all who watch, and then tells them.
async fn publish(shared: &Shared, position: i64) -> Result<(), StoreError> {
    if *shared.head.borrow() == position {
        return Ok(());
    }
    if shared.watchers.load(Ordering::Relaxed) == 0 {
        shared.tail.clear();
    } else {
        let known = shared.tail.end().unwrap_or(*shared.head.borrow());
        if position > known && position - known <= MOST_ROWS as i64 {
            shared.tail.extend(rows::range(&shared.reads, known, position).await?);
        } else {
            shared.tail.clear();
        }
    }
    shared.head.send_replace(position);
    Ok(())
}

async fn sweep(shared: &Shared) {
    if let Err(fault) = request_record::sweep(&shared.store, shared.clock.now()).await {
        tracing::warn!(%fault, "expired request records were not removed");
    }
}
