//! Idempotency: the first answer to a mutation, kept for ten minutes under the caller's `request_id`.
//!
//! Looked up first and inserted last in the same unit as the change, so that answer and change exist together or not at
//! all. **Not for answers that hold a secret**: they are stored in the clear. Those are [`sealed`]'s.
//!
//! A unit's result exists only where something was recorded, and a replay records nothing: so [`lookup`] ends the unit
//! with a fault that carries the earlier answer, and [`answer`] turns the unit's outcome back into an answer.

mod in_use;
pub mod sealed;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::{sha256, sha256_of};
use prost::Message;
use store::{Store, StoreError, Unit};
use time::Duration;
use types::{EventId, RequestId};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use in_use::sealed_under;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::minutes(10);

/// A mutation as its caller names it, and a fingerprint of what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    scope: String,
    method: &'static str,
    request_id: Uuid,
    fingerprint: Vec<u8>,
}

impl std::fmt::Debug for Key {
    /// Without the fingerprint: of a request that holds a code or a password it would be as good as that.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scope, method, request_id, fingerprint: _ } = self;
        let mut shown = formatter.debug_struct("Key");
        shown.field("scope", scope).field("method", method).field("request_id", request_id);
        shown.finish_non_exhaustive()
    }
}

impl Key {
    /// `scope` is whose answer it is: a user's id, or a peer's name where there is no user. Authorise before looking up.
    #[must_use]
    pub fn new(
        scope: impl Into<String>,
        method: &'static str,
        request_id: RequestId,
        request: &impl Message,
    ) -> Self {
        let fingerprint = sha256(&request.encode_to_vec()).to_vec();
        Self { scope: scope.into(), method, request_id: request_id.uuid(), fingerprint }
    }

    /// What calls with the same key wait for, one after the other.
    fn lock(&self) -> i64 {
        let parts: [&[u8]; 5] = [b"request", self.scope.as_bytes(), b"\0", self.method.as_bytes(), b"\0"];
        let hash = sha256_of(&[&parts.concat(), self.request_id.as_bytes()]);
        let [a, b, c, d, e, f, g, h, ..] = hash;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The first answer to a mutation. It may hold a secret, so it does not print.
struct Earlier {
    event_id: EventId,
    answer: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Earlier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Earlier").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Earlier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("answered before")
    }
}

impl std::error::Error for Earlier {}

/// Looks for the first answer, and makes calls of the same key wait for each other. Call it first in the unit; without a
/// key it does nothing.
///
/// # Errors
/// REQUEST_ID_REUSED when the id came with other content; a fault for [`answer`] when there is an answer; the database's.
pub async fn lookup(unit: &Unit<'_>, key: Option<&Key>, now: Timestamp) -> Outcome<()> {
    let Some(key) = key else { return Ok(()) };
    lock(unit, key).await?;
    let Some((fingerprint, earlier)) = find(unit, key, now).await? else { return Ok(()) };
    if fingerprint != key.fingerprint {
        return Err(Reason::RequestIdReused.into());
    }
    Err(Fault::new(Reason::Internal).with_cause(earlier))
}

/// Keeps the answer. Call it in the unit of the change; without a key it does nothing.
///
/// # Errors
/// The database's.
pub async fn insert(
    unit: &Unit<'_>,
    key: Option<&Key>,
    event_id: EventId,
    answer: &impl Message,
    now: Timestamp,
) -> Outcome<()> {
    let Some(key) = key else { return Ok(()) };
    forget_expired(unit, key, now).await?;
    const SQL: &str = "\
-- request_record::insert
INSERT INTO request_record (scope, method, request_id, fingerprint, event_id, answer, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (event_id, answer, expire_time) = (event_id.uuid(), answer.encode_to_vec(), now + KEPT);
    unit.execute_one(
        "request_record::insert",
        SQL,
        &[&key.scope, &key.method, &key.request_id, &key.fingerprint, &event_id, &answer, &expire_time],
    )
    .await?;
    Ok(())
}

/// The unit's answer, or the first one where [`lookup`] or [`sealed::replay`] found it. Other faults pass through.
///
/// # Errors
/// The unit's fault; CORRUPT when a kept answer cannot be read.
pub fn answer<A: Message + Default>(outcome: Outcome<(EventId, A)>) -> Outcome<(EventId, A)> {
    outcome.or_else(|fault| {
        let earlier = fault.cause().and_then(|cause| cause.downcast_ref::<Earlier>());
        let Some(earlier) = earlier else { return Err(fault) };
        let answer = A::decode(earlier.answer.as_slice())
            .map_err(|error| Fault::new(Reason::Corrupt).with_cause(error))?;
        Ok((earlier.event_id, answer))
    })
}

async fn lock(unit: &Unit<'_>, key: &Key) -> Result<(), StoreError> {
    const SQL: &str = "\
-- request_record::lock
SELECT pg_advisory_xact_lock($1)";
    unit.query_opt(SQL, &[&key.lock()]).await?;
    Ok(())
}

async fn find(unit: &Unit<'_>, key: &Key, now: Timestamp) -> Result<Option<(Vec<u8>, Earlier)>, StoreError> {
    const SQL: &str = "\
-- request_record::find
SELECT fingerprint, event_id, answer FROM request_record
WHERE scope = $1 AND method = $2 AND request_id = $3 AND expire_time > $4";
    let row = unit.query_opt(SQL, &[&key.scope, &key.method, &key.request_id, &now]).await?;
    row.map(|row| {
        let earlier = Earlier {
            event_id: EventId::from_uuid(row.try_get(1)?),
            answer: Zeroizing::new(row.try_get(2)?),
        };
        Ok((row.try_get(0)?, earlier))
    })
    .transpose()
}

/// Removes an expired answer of this key, which would stand in the way.
async fn forget_expired(unit: &Unit<'_>, key: &Key, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "\
-- request_record::forget_expired
DELETE FROM request_record
WHERE scope = $1 AND method = $2 AND request_id = $3 AND expire_time <= $4";
    unit.execute(SQL, &[&key.scope, &key.method, &key.request_id, &now]).await?;
    Ok(())
}

/// Removes all expired answers. The log does this from time to time.
pub(crate) async fn sweep(store: &Store, now: Timestamp) -> Outcome<u64> {
    const SQL: &str = "\
-- request_record::sweep
DELETE FROM request_record WHERE expire_time <= $1";
    store
        .bookkeeping("request_record.sweep", now, |unit, now| {
            Box::pin(async move { Ok(unit.execute(SQL, &[now]).await?) })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_print_its_fingerprint() {
        let request = prost_types::Timestamp { seconds: 123_456, nanos: 0 };
        let key = Key::new("ada", "VerifyCode", RequestId::generate(), &request);
        let shown = format!("{key:?}");
        assert!(shown.contains("VerifyCode") && shown.contains("ada"));
        assert!(!shown.contains(&format!("{:?}", key.fingerprint)) && !shown.contains("fingerprint"));
    }
}
