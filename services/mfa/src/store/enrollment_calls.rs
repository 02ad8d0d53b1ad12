//! The table `enrollment_calls`.

use clock::Timestamp;
use store::{StoreError, Unit};

use super::UserKey;
use crate::domain::EnrollmentCalls;

/// Counts a call about an enrolment in a locked user's present hour; an hour that began at or before `outdated` is over, and
/// another begins with this call. The hour with it.
///
/// # Errors
/// The database's.
pub(crate) async fn count(
    unit: &Unit<'_>,
    user: UserKey,
    now: Timestamp,
    outdated: Timestamp,
) -> Result<EnrollmentCalls, StoreError> {
    const SQL: &str = "-- enrollment_calls::count
        INSERT INTO enrollment_calls AS c (organization_id, user_id, window_start, calls) VALUES ($1, $2, $3, 1)
        ON CONFLICT ON CONSTRAINT enrollment_calls_pk DO UPDATE SET
            window_start = CASE WHEN c.window_start <= $4 THEN EXCLUDED.window_start ELSE c.window_start END,
            calls = CASE WHEN c.window_start <= $4 THEN 1 ELSE c.calls + 1 END
        RETURNING window_start, calls";
    let rows =
        unit.query(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid(), &now, &outdated]).await?;
    let row = rows.first().ok_or(StoreError::RowCount { statement: "enrollment_calls::count", rows: 0 })?;
    Ok(EnrollmentCalls { window_start: row.try_get("window_start")?, calls: row.try_get("calls")? })
}
