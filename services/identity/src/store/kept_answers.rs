//! Answers kept under a caller's request id, looked for before anything is done.

use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use fault::Outcome;
use prost::Message;
use store::Store;
use types::EventId;

/// What is kept under a key; waits for a call of the same key that is under way.
///
/// # Errors
/// REQUEST_ID_REUSED, CORRUPT; the database's.
pub async fn find<A: Message + Default>(
    store: &Store,
    key: Option<&sealed::Key>,
    now: Timestamp,
) -> Outcome<Option<A>> {
    Ok(find_with_event(store, key, now).await?.map(|(_, answer)| answer))
}

/// As [`find`], with the event of what was done: for an answer that waited until it was in force, and waits again.
///
/// # Errors
/// As there.
pub async fn find_with_event<A: Message + Default>(
    store: &Store,
    key: Option<&sealed::Key>,
    now: Timestamp,
) -> Outcome<Option<(EventId, A)>> {
    let Some(key) = key else { return Ok(None) };
    let kept = store.bookkeeping("find_answer", (key.clone(), now), |unit, (key, now)| {
        Box::pin(async move { sealed::find(unit, Some(key), *now).await })
    });
    let Some(kept) = kept.await? else { return Ok(None) };
    let generation = kept.generation();
    match sealed::replay(Some(kept), generation) {
        Ok(()) => Ok(None),
        Err(fault) => request_record::answer(Err(fault)).map(Some),
    }
}
