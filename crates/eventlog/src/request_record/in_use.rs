//! Which keys kept answers need. They die within minutes, so nobody seals them anew: a key is given up when they are dead.

use clock::Timestamp;
use fault::Outcome;
use store::{Store, StoreError};

use crate::rows::query;

/// How many living answers are sealed under each key.
///
/// # Errors
/// The database's.
pub async fn sealed_under(store: &Store, now: Timestamp) -> Outcome<Vec<(String, i64)>> {
    const SQL: &str = "\
-- request_record::sealed_under
SELECT sealed_under, count(*) FROM request_record
WHERE sealed_under IS NOT NULL AND expire_time > $1
GROUP BY sealed_under";
    let rows = query(store, SQL, &[&now]).await?;
    let counts: Result<_, StoreError> =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect();
    Ok(counts?)
}
