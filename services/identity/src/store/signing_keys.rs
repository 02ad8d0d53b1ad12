//! The keys that sign access tokens. What is sealed here stays sealed.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;

use super::read;
use crate::domain::Timestamp;
use crate::domain::signing_keys::KeyTimes;

/// A signing key as it is stored.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The key's id (header `kid`).
    pub key_id: String,
    /// PKCS #8, sealed by the keyring.
    pub sealed: Vec<u8>,
    /// The 32 bytes that verify.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it begins to sign.
    pub sign_from: Timestamp,
}

/// What is known of the keys' times.
#[must_use]
pub fn times(keys: &[StoredKey]) -> Vec<KeyTimes> {
    let times = |key: &StoredKey| KeyTimes { key_id: key.key_id.clone(), sign_from: key.sign_from };
    keys.iter().map(times).collect()
}

/// All keys that are not retired, the newest first.
///
/// # Errors
/// The database's.
pub async fn all(store: &Store) -> Result<Vec<StoredKey>, StoreError> {
    const SQL: &str = "-- signing_keys::all
        SELECT key_id, private_key, public_key, create_time, coalesce(sign_from, create_time) AS sign_from
        FROM signing_key WHERE retire_time IS NULL ORDER BY create_time DESC, key_id DESC";
    read::rows(store, SQL, &[]).await?.iter().map(key).collect()
}

/// Lets one replica change the keys at a time, until the unit ends; all keys that are not retired.
///
/// # Errors
/// The database's.
pub async fn lock_all(unit: &Unit<'_>) -> Result<Vec<StoredKey>, StoreError> {
    const LOCK: &str = "-- signing_keys::lock_all (lock)
        SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.signing_key', 0))";
    const SQL: &str = "-- signing_keys::lock_all
        SELECT key_id, private_key, public_key, create_time, coalesce(sign_from, create_time) AS sign_from
        FROM signing_key WHERE retire_time IS NULL";
    unit.query(LOCK, &[]).await?;
    unit.query(SQL, &[]).await?.iter().map(key).collect()
}

fn key(row: &Row) -> Result<StoredKey, StoreError> {
    Ok(StoredKey {
        key_id: row.try_get("key_id")?,
        sealed: row.try_get("private_key")?,
        public_key: row.try_get("public_key")?,
        create_time: row.try_get("create_time")?,
        sign_from: row.try_get("sign_from")?,
    })
}

/// Retires a key for good: its private half is gone with it.
///
/// # Errors
/// The database's; it is retired already.
pub async fn retire(unit: &Unit<'_>, key_id: &str, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- signing_keys::retire
        UPDATE signing_key SET private_key = '', retire_time = $2 WHERE key_id = $1 AND retire_time IS NULL";
    unit.execute_one("signing_keys::retire", SQL, &[&key_id, &now]).await
}

/// Stores a new key.
///
/// # Errors
/// The database's.
pub async fn insert(unit: &Unit<'_>, key: &StoredKey) -> Result<(), StoreError> {
    const SQL: &str = "-- signing_keys::insert
        INSERT INTO signing_key (key_id, private_key, public_key, create_time, sign_from)
        VALUES ($1, $2, $3, $4, $5)";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&key.key_id, &key.sealed, &key.public_key, &key.create_time, &key.sign_from];
    unit.execute_one("signing_keys::insert", SQL, &parameters).await
}
