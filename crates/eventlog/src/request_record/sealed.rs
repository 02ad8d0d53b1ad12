//! Kept answers that hold a secret: recovery codes, tickets, sessions.
//!
//! The answer is sealed by the keyring for its request alone, and before that, where the caller brings a secret of its own
//! ([`Key::with_secret`]), under a key that only that secret makes. The fingerprint of the request is inside, too: a request
//! may hold a code or a password, and a plain hash of one is found by trying. Inside are also when the answer dies and the
//! *generation* it belongs to: it is never given again in another one.
//!
//! In a unit: [`find`] first, which makes calls of one key wait for each other; then lock the user; then [`replay`] with the
//! generation that holds; and [`insert`] last, with the generation afterwards. [`super::answer`] turns the unit's outcome
//! into an answer. Authorise before the unit: a kept answer is given to whoever may ask for it, and to nobody else.

mod key;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::{Keyring, OpenError};
use prost::Message;
use store::{StoreError, Unit};
use types::EventId;
use zeroize::Zeroizing;

use super::Earlier;

pub use key::Key;

/// A kept answer that does not open: an alarm for its service to raise. It is the cause of the CORRUPT of [`find`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer kept for {row} does not open: {cause}")]
pub struct UnreadableAnswer {
    /// The request: its id, method and scope. No secret.
    pub row: String,
    /// Why.
    pub cause: OpenError,
    /// The key that it names, where that can be read.
    pub key_id: String,
}

/// A first answer that [`find`] found. It does not print.
pub struct Kept {
    event_id: EventId,
    generation: i64,
    answer: Zeroizing<Vec<u8>>,
}

impl Kept {
    /// The answer.
    ///
    /// # Errors
    /// CORRUPT: it is no such message.
    pub fn read<A: Message + Default>(&self) -> Outcome<A> {
        A::decode(self.answer.as_slice()).map_err(|error| Fault::new(Reason::Corrupt).with_cause(error))
    }

    /// The generation that the answer belongs to.
    #[must_use]
    pub const fn generation(&self) -> i64 {
        self.generation
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kept").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

/// Looks for the first answer, and makes calls of the same key wait for each other. Call it first in the unit; without a
/// key it does nothing.
///
/// # Errors
/// REQUEST_ID_REUSED when the id came with other content, or from a caller with another secret; CORRUPT, after an alarm in
/// the log, when what is kept does not open; the database's.
pub async fn find(unit: &Unit<'_>, key: Option<&Key>, now: Timestamp) -> Outcome<Option<Kept>> {
    let Some(key) = key else { return Ok(None) };
    super::lock(unit, &key.key).await?;
    match load(unit, key, now).await? {
        Some((event_id, sealed)) => match key.open(event_id, &sealed, now)? {
            Some(kept) => Ok(Some(kept)),
            // Dead, whatever its row says: it must not stand in the way of the next.
            None => forget(unit, key).await.map(|()| None),
        },
        None => Ok(None),
    }
}

/// Ends the unit with the first answer, when there is one and the generation is still the one it belongs to.
///
/// # Errors
/// A fault for [`super::answer`] when there is an answer; GENERATION_OUTDATED when it belongs to another generation: it was
/// done, and what was answered then is dead. It is not done again.
pub fn replay(kept: Option<Kept>, generation: i64) -> Outcome<()> {
    let Some(kept) = kept else { return Ok(()) };
    if kept.generation != generation {
        return Err(Reason::GenerationOutdated.into());
    }
    let earlier = Earlier { event_id: kept.event_id, answer: kept.answer };
    Err(Fault::new(Reason::Internal).with_cause(earlier))
}

/// Keeps the answer, sealed. Call it in the unit of the change, with the generation that holds after it; without a key it
/// does nothing.
///
/// # Errors
/// INTERNAL: no randomness; the database's.
pub async fn insert(
    unit: &Unit<'_>,
    key: Option<&Key>,
    event_id: EventId,
    generation: i64,
    answer: &impl Message,
    now: Timestamp,
) -> Outcome<()> {
    let Some(key) = key else { return Ok(()) };
    super::forget_expired(unit, &key.key, now).await?;
    const SQL: &str = "\
-- request_record::sealed::insert
INSERT INTO request_record (scope, method, request_id, fingerprint, event_id, answer, expire_time, sealed_under)
VALUES ($1, $2, $3, ''::bytea, $4, $5, $6, $7)";
    let (event_id, expire_time) = (event_id.uuid(), now + key.kept);
    let encoded = Zeroizing::new(answer.encode_to_vec());
    let sealed = key.seal(expire_time, generation, &encoded)?;
    let sealed_under = Keyring::sealed_under(&sealed).map_err(|cause| key.alarm(cause, &sealed))?;
    let super::Key { scope, method, request_id, .. } = &key.key;
    unit.execute_one(
        "request_record::sealed::insert",
        SQL,
        &[scope, method, request_id, &event_id, &sealed, &expire_time, &sealed_under.as_str()],
    )
    .await?;
    Ok(())
}

async fn load(unit: &Unit<'_>, key: &Key, now: Timestamp) -> Result<Option<(EventId, Vec<u8>)>, StoreError> {
    const SQL: &str = "\
-- request_record::sealed::load
SELECT event_id, answer FROM request_record
WHERE scope = $1 AND method = $2 AND request_id = $3 AND expire_time > $4";
    let super::Key { scope, method, request_id, .. } = &key.key;
    let row = unit.query_opt(SQL, &[scope, method, request_id, &now]).await?;
    row.map(|row| Ok((EventId::from_uuid(row.try_get(0)?), row.try_get(1)?))).transpose()
}

async fn forget(unit: &Unit<'_>, key: &Key) -> Outcome<()> {
    const SQL: &str = "\
-- request_record::sealed::forget
DELETE FROM request_record WHERE scope = $1 AND method = $2 AND request_id = $3";
    let super::Key { scope, method, request_id, .. } = &key.key;
    unit.execute(SQL, &[scope, method, request_id]).await?;
    Ok(())
}
