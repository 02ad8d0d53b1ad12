//! The columns of sealed secrets, as a rotation of the keyring goes through them. What is sealed stays sealed here.
//!
//! Reading is by the key that a value names; writing touches a row only where it still holds what was read, and leaves out
//! what somebody else is working on.

mod columns;
mod factors;
mod pending;
mod recovery;

use std::collections::BTreeMap;

use clock::Timestamp;
use eventlog::request_record;
use fault::Outcome;
use store::{Store, StoreError};

use super::UserKey;

/// A sealed value, and what tells where it opens.
#[derive(Debug, Clone)]
pub(crate) struct SealedRow<P> {
    /// Whose.
    pub(crate) user: UserKey,
    /// Which row.
    pub(crate) place: P,
    /// What it holds.
    pub(crate) sealed: Vec<u8>,
}

pub(crate) use factors::{factors_under, replace_factors};
pub(crate) use pending::{
    PendingPlace, pending_recovery_under, pending_under, replace_pending, replace_pending_recovery,
};
pub(crate) use recovery::{RecoveryPlace, recovery_under, replace_recovery};

/// How many secrets are sealed under each key, kept answers among them.
///
/// # Errors
/// The database's.
pub(crate) async fn in_use(store: &Store, now: Timestamp) -> Outcome<BTreeMap<String, i64>> {
    let mut counts = count(store).await?;
    for (key, answers) in request_record::sealed_under(store, now).await? {
        *counts.entry(key).or_default() += answers;
    }
    Ok(counts)
}

/// How many secrets of users are sealed under each key. What names none is not counted.
async fn count(store: &Store) -> Result<BTreeMap<String, i64>, StoreError> {
    const SQL: &str = "-- sealed::count
        SELECT sealed_under, sum(secrets)::bigint FROM (
            SELECT sealed_under, count(*) AS secrets FROM factor GROUP BY sealed_under
            UNION ALL SELECT sealed_under, count(*) FROM recovery_codes GROUP BY sealed_under
            UNION ALL SELECT sealed_under, count(*) FROM pending_enrollment GROUP BY sealed_under
            UNION ALL SELECT recovery_sealed_under, count(*) FROM pending_enrollment
                WHERE recovery_sealed_under IS NOT NULL GROUP BY recovery_sealed_under
        ) AS counted WHERE sealed_under <> '' GROUP BY sealed_under";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let rows = reader.query(&statement, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
