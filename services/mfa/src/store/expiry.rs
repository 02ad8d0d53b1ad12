//! Removing what is dead anyway.

use clock::Timestamp;
use store::{StoreError, Unit};

/// Removes enrolments that expired before `before`; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_pending(unit: &Unit<'_>, before: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- expiry::delete_pending
        DELETE FROM pending_enrollment WHERE expire_time < $1";
    unit.execute(SQL, &[&before]).await
}

/// Removes the counts of calls about enrolments in hours that began before `before`; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_enrollment_calls(unit: &Unit<'_>, before: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- expiry::delete_enrollment_calls
        DELETE FROM enrollment_calls WHERE window_start < $1";
    unit.execute(SQL, &[&before]).await
}

/// Removes tickets that expired before `before`; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_tickets(unit: &Unit<'_>, before: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- expiry::delete_tickets
        DELETE FROM enrollment_ticket WHERE expire_time < $1";
    unit.execute(SQL, &[&before]).await
}
