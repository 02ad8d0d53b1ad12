//! What is sealed by the keyring, as a rotation goes through it. What is sealed stays sealed here.

use std::collections::BTreeMap;

use eventlog::request_record;
use fault::Outcome;
use host::Resealed;
use store::{Store, StoreError, Unit};

use super::read;
use crate::domain::Timestamp;

/// The sealed private key of a signing key.
#[derive(Debug, Clone)]
pub struct SealedKey {
    /// The signing key.
    pub key_id: String,
    /// PKCS #8, sealed.
    pub sealed: Vec<u8>,
}

/// How many secrets are sealed under each key, kept answers among them.
///
/// # Errors
/// The database's.
pub async fn in_use(store: &Store, now: Timestamp) -> Outcome<BTreeMap<String, i64>> {
    let mut counts = count(store).await?;
    for (key, answers) in request_record::sealed_under(store, now).await? {
        *counts.entry(key).or_default() += answers;
    }
    Ok(counts)
}

/// How many signing keys are sealed under each key. What names none is not counted.
async fn count(store: &Store) -> Result<BTreeMap<String, i64>, StoreError> {
    const SQL: &str = "-- sealed::count
        SELECT sealed_under, count(*) FROM signing_key WHERE sealed_under <> '' GROUP BY sealed_under";
    let rows = read::rows(store, SQL, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Signing keys that are sealed under a key.
///
/// # Errors
/// The database's.
pub async fn signing_keys_under(
    store: &Store,
    key: &str,
    after: Option<&SealedKey>,
    limit: i64,
) -> Result<Vec<SealedKey>, StoreError> {
    const SQL: &str = "-- sealed::signing_keys_under
        SELECT key_id, private_key FROM signing_key
        WHERE sealed_under = $1 AND key_id > $2 ORDER BY key_id LIMIT $3";
    let after = after.map_or("", |row| row.key_id.as_str());
    let rows = read::rows(store, SQL, &[&key, &after, &limit]).await?;
    rows.iter().map(|row| Ok(SealedKey { key_id: row.try_get(0)?, sealed: row.try_get(1)? })).collect()
}

/// Writes private keys that were sealed anew, each only where the row still holds what was read; how many.
///
/// # Errors
/// The database's.
pub async fn replace_signing_keys(unit: &Unit<'_>, rows: &[Resealed<SealedKey>]) -> Result<u64, StoreError> {
    const SQL: &str = "-- sealed::replace_signing_keys
        UPDATE signing_key k SET private_key = fresh.sealed
        FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS fresh (key_id, was, sealed)
        WHERE k.key_id = fresh.key_id AND k.private_key = fresh.was";
    let ids: Vec<&str> = rows.iter().map(|fresh| fresh.row.key_id.as_str()).collect();
    let was: Vec<&[u8]> = rows.iter().map(|fresh| fresh.row.sealed.as_slice()).collect();
    let sealed: Vec<&[u8]> = rows.iter().map(|fresh| fresh.sealed.as_slice()).collect();
    unit.execute(SQL, &[&ids, &was, &sealed]).await
}
