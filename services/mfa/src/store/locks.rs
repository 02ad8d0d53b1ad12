//! Locks that have ended by themselves, and against which attempts were counted that nobody was told of yet.

use clock::Timestamp;
use store::{Store, StoreError};
use types::{OrganizationPath, UserId};

use super::organization::path;

/// A user whose lock has ended so.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Where the user is.
    pub(crate) path: OrganizationPath,
    /// Who.
    pub(crate) user_id: UserId,
}

/// So many of them, the earliest first. Locks that only an administrator can end are told of when one does.
///
/// # Errors
/// The database's.
pub(crate) async fn ended(store: &Store, now: Timestamp, limit: i64) -> Result<Vec<Ended>, StoreError> {
    const SQL: &str = "-- locks::ended
        SELECT o.path, m.user_id FROM user_mfa m JOIN organization o ON o.organization_id = m.organization_id
        WHERE m.locked_until <= $1 AND m.exhausted_time IS NULL AND m.refused_while_locked > 0
        ORDER BY m.locked_until LIMIT $2";
    read(store, SQL, now, limit).await
}

/// The same, of locks of recovery codes.
///
/// # Errors
/// The database's.
pub(crate) async fn ended_of_recovery(
    store: &Store,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Ended>, StoreError> {
    const SQL: &str = "-- locks::ended_of_recovery
        SELECT o.path, r.user_id FROM recovery_attempts r JOIN organization o ON o.organization_id = r.organization_id
        WHERE r.locked_until <= $1 AND r.exhausted_time IS NULL AND r.refused_while_locked > 0
        ORDER BY r.locked_until LIMIT $2";
    read(store, SQL, now, limit).await
}

async fn read(store: &Store, sql: &str, now: Timestamp, limit: i64) -> Result<Vec<Ended>, StoreError> {
    let reader = store.read().await?;
    let statement = reader.prepare_cached(sql).await?;
    let rows = reader.query(&statement, &[&now, &limit]).await?;
    rows.iter()
        .map(|row| Ok(Ended { path: path(row)?, user_id: UserId::from_uuid(row.try_get("user_id")?) }))
        .collect()
}
