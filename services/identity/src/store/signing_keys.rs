//! The keys that sign access tokens. What is sealed here stays sealed.

use store::{Store, StoreError, Unit};

use super::read;
use crate::domain::Timestamp;

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
}

/// All keys, the newest first.
///
/// # Errors
/// The database's.
pub async fn all(store: &Store) -> Result<Vec<StoredKey>, StoreError> {
    const SQL: &str = "-- signing_keys::all
        SELECT key_id, private_key, public_key, create_time FROM signing_key ORDER BY create_time DESC, key_id DESC";
    let key = |row: &tokio_postgres::Row| {
        Ok(StoredKey {
            key_id: row.try_get("key_id")?,
            sealed: row.try_get("private_key")?,
            public_key: row.try_get("public_key")?,
            create_time: row.try_get("create_time")?,
        })
    };
    read::rows(store, SQL, &[]).await?.iter().map(key).collect()
}

/// Lets one replica make a key at a time, until the unit ends; whether there is one already.
///
/// # Errors
/// The database's.
pub async fn lock(unit: &Unit<'_>) -> Result<bool, StoreError> {
    const LOCK: &str = "-- signing_keys::lock (lock)
        SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.signing_key', 0))";
    const SQL: &str = "-- signing_keys::lock
        SELECT 1 FROM signing_key LIMIT 1";
    unit.query(LOCK, &[]).await?;
    Ok(unit.query_opt(SQL, &[]).await?.is_some())
}

/// Stores a new key.
///
/// # Errors
/// The database's.
pub async fn insert(unit: &Unit<'_>, key: &StoredKey) -> Result<(), StoreError> {
    const SQL: &str = "-- signing_keys::insert
        INSERT INTO signing_key (key_id, private_key, public_key, create_time) VALUES ($1, $2, $3, $4)";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&key.key_id, &key.sealed, &key.public_key, &key.create_time];
    unit.execute_one("signing_keys::insert", SQL, &parameters).await
}
