//! Removing what has been dead for long. Nothing depends on it happening: what is dead is refused while it is there.

use store::{StoreError, Unit};

use crate::domain::Timestamp;

/// Removes up to `limit` sign-ins that expired before `before`; how many.
///
/// # Errors
/// The database's.
pub async fn remove_sign_ins(unit: &Unit<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    const SQL: &str = "-- expiry::remove_sign_ins
        DELETE FROM sign_in WHERE (organization_id, sign_in_id) IN (
            SELECT organization_id, sign_in_id FROM sign_in WHERE expire_time < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    unit.execute(SQL, &[&before, &limit]).await
}

/// Removes up to `limit` sessions that were over before `before`, with their refresh tokens; how many.
///
/// # Errors
/// The database's.
pub async fn remove_sessions(unit: &Unit<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    const SQL: &str = "-- expiry::remove_sessions
        DELETE FROM session WHERE (organization_id, session_id) IN (
            SELECT organization_id, session_id FROM session WHERE expire_time < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
    unit.execute(SQL, &[&before, &limit]).await
}
