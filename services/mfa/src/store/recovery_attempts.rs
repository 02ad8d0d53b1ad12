//! The table `recovery_attempts`: the throttle of recovery codes. Read and written under the lock of `user_mfa`.

use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::OrganizationId;

use super::UserKey;
use crate::domain::Attempts;

/// A user's attempts with recovery codes. No row: none yet. The row is locked, too, because attempts against a lock are
/// counted without the lock of the user.
///
/// # Errors
/// The database's.
pub(crate) async fn load(unit: &Unit<'_>, user: UserKey) -> Result<Attempts, StoreError> {
    const SQL: &str = "-- recovery_attempts::load
        SELECT wrong_codes, lock_level, locked_until, lock_recorded, refused_while_locked, recent_failures,
               exhausted_time, suspicion_told
        FROM recovery_attempts WHERE organization_id = $1 AND user_id = $2 FOR UPDATE";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    Ok(row.as_ref().map(attempts).transpose()?.unwrap_or_default())
}

/// Writes a locked user's attempts.
///
/// # Errors
/// The database's.
pub(crate) async fn save(unit: &Unit<'_>, user: UserKey, attempts: &Attempts) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_attempts::save
        INSERT INTO recovery_attempts (organization_id, user_id, wrong_codes, lock_level, locked_until,
            lock_recorded, refused_while_locked, recent_failures, exhausted_time, suspicion_told)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT ON CONSTRAINT recovery_attempts_pk DO UPDATE SET
            wrong_codes = EXCLUDED.wrong_codes, lock_level = EXCLUDED.lock_level,
            locked_until = EXCLUDED.locked_until, lock_recorded = EXCLUDED.lock_recorded,
            refused_while_locked = EXCLUDED.refused_while_locked, recent_failures = EXCLUDED.recent_failures,
            exhausted_time = EXCLUDED.exhausted_time, suspicion_told = EXCLUDED.suspicion_told";
    unit.execute_one(
        "recovery_attempts::save",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.user_id.uuid(),
            &attempts.wrong_codes,
            &attempts.lock_level,
            &attempts.locked_until,
            &attempts.lock_recorded,
            &attempts.refused_while_locked,
            &attempts.recent_failures,
            &attempts.exhausted_time,
            &attempts.suspicion_told,
        ],
    )
    .await
}

/// Forgets a user's attempts, and with them every lock.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(unit: &Unit<'_>, user: UserKey) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_attempts::delete
        DELETE FROM recovery_attempts WHERE organization_id = $1 AND user_id = $2";
    unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await.map(drop)
}

/// Forgets the attempts of every user of an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_all_of(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_attempts::delete_all_of
        DELETE FROM recovery_attempts WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

/// Counts one more attempt against a lock that is on the log already.
///
/// # Errors
/// The database's.
pub(crate) async fn count_refused_while_locked(unit: &Unit<'_>, user: UserKey) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_attempts::count_refused_while_locked
        UPDATE recovery_attempts SET refused_while_locked = least(refused_while_locked, 2147483646) + 1
        WHERE organization_id = $1 AND user_id = $2";
    unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await.map(drop)
}

fn attempts(row: &Row) -> Result<Attempts, StoreError> {
    Ok(Attempts {
        wrong_codes: row.try_get("wrong_codes")?,
        lock_level: row.try_get("lock_level")?,
        locked_until: row.try_get("locked_until")?,
        lock_recorded: row.try_get("lock_recorded")?,
        refused_while_locked: row.try_get("refused_while_locked")?,
        recent_failures: row.try_get("recent_failures")?,
        exhausted_time: row.try_get("exhausted_time")?,
        suspicion_told: row.try_get("suspicion_told")?,
    })
}
