//! The table `keyring_key`.

use std::collections::BTreeMap;

use clock::Timestamp;
use fault::Outcome;
use keyring::{CheckValue, KeyId};
use store::{Store, StoreError};

/// Every key that was ever held, and its check value.
///
/// # Errors
/// The database's.
pub(super) async fn all(store: &Store) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    const SQL: &str = "-- registry::all
        SELECT key_id, check_value FROM keyring_key";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let rows = reader.query(&statement, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Remembers keys. One that is known by its id stays what it is.
///
/// # Errors
/// The database's.
pub(super) async fn register(store: &Store, keys: Vec<(KeyId, CheckValue)>, now: Timestamp) -> Outcome<()> {
    const SQL: &str = "-- registry::register
        INSERT INTO keyring_key (key_id, check_value, first_time) VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT keyring_key_pk DO NOTHING";
    store
        .bookkeeping("register_keys", (keys, now), |unit, (keys, now)| {
            Box::pin(async move {
                for (id, value) in keys {
                    unit.execute(SQL, &[&id.as_str(), &value.as_slice(), now]).await?;
                }
                Ok(())
            })
        })
        .await
}
