//! The table `secret_alarm`.

use clock::Timestamp;
use store::{StoreError, Unit};
use time::Duration;

use super::UserKey;
use crate::domain::Unreadable;

/// How often one secret that does not open goes to the log.
const ONCE_IN: Duration = Duration::hours(1);

/// Whether an unreadable secret is to go to the log now; then nobody else is told so for an hour.
///
/// # Errors
/// The database's.
pub(crate) async fn raise(
    unit: &Unit<'_>,
    user: UserKey,
    unreadable: &Unreadable,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- secret_alarm::raise
        INSERT INTO secret_alarm AS a (organization_id, user_id, table_name, row_id, alarm_time)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT secret_alarm_pk DO UPDATE SET alarm_time = EXCLUDED.alarm_time
        WHERE a.alarm_time <= $6";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let Unreadable { table, row, .. } = unreadable;
    let raised = unit.execute(SQL, &[&organization, &id, table, row, &now, &(now - ONCE_IN)]).await?;
    Ok(raised == 1)
}

/// Forgets alarms that were raised before `before`; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_old(unit: &Unit<'_>, before: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- secret_alarm::delete_old
        DELETE FROM secret_alarm WHERE alarm_time < $1";
    unit.execute(SQL, &[&before]).await
}
