//! The table `user_mfa`.

use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::OrganizationId;

use super::UserKey;
use crate::domain::{Attempts, UserState};

/// Locks everything of a user, and reads their state. One that was never seen gets a row.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(unit: &Unit<'_>, user: UserKey) -> Result<UserState, StoreError> {
    // The update changes nothing; it makes an existing row ours and returns it as it is now, in the same statement.
    const SQL: &str = "-- user::lock
        INSERT INTO user_mfa AS m (organization_id, user_id) VALUES ($1, $2)
        ON CONFLICT ON CONSTRAINT user_mfa_pk DO UPDATE SET generation = m.generation
        RETURNING generation, ticket_required, wrong_codes, lock_level, locked_until, lock_recorded,
            recent_failures, exhausted_time";
    let rows = unit.query(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    rows.first().map(state).transpose()?.ok_or(StoreError::RowCount { statement: "user::lock", rows: 0 })
}

/// Writes a locked user's state.
///
/// # Errors
/// The database's.
pub(crate) async fn save(unit: &Unit<'_>, user: UserKey, state: &UserState) -> Result<(), StoreError> {
    const SQL: &str = "-- user::save
        UPDATE user_mfa SET generation = $3, ticket_required = $4, wrong_codes = $5, lock_level = $6,
            locked_until = $7, lock_recorded = $8, recent_failures = $9, exhausted_time = $10,
            refused_while_locked = CASE WHEN $8 THEN refused_while_locked ELSE 0 END
        WHERE organization_id = $1 AND user_id = $2";
    let attempts = &state.attempts;
    unit.execute_one(
        "user::save",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.user_id.uuid(),
            &state.generation,
            &state.ticket_required,
            &attempts.wrong_codes,
            &attempts.lock_level,
            &attempts.locked_until,
            &attempts.lock_recorded,
            &attempts.recent_failures,
            &attempts.exhausted_time,
        ],
    )
    .await
}

/// Resets every user of an organisation that has a state here, as [`UserState::after_reset`] does one.
///
/// # Errors
/// The database's.
pub(crate) async fn reset_all(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- user::reset_all
        UPDATE user_mfa SET generation = generation + 1, wrong_codes = 0, lock_level = 0, locked_until = NULL,
            lock_recorded = false, recent_failures = '{}', exhausted_time = NULL, refused_while_locked = 0
        WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

/// Counts one more attempt against a lock that is on the log already.
///
/// # Errors
/// The database's.
pub(crate) async fn count_refused_while_locked(unit: &Unit<'_>, user: UserKey) -> Result<(), StoreError> {
    const SQL: &str = "-- user::count_refused_while_locked
        UPDATE user_mfa SET refused_while_locked = least(refused_while_locked, 2147483646) + 1
        WHERE organization_id = $1 AND user_id = $2";
    unit.execute_one(
        "user::count_refused_while_locked",
        SQL,
        &[&user.organization_id.uuid(), &user.user_id.uuid()],
    )
    .await
}

/// The state of a row that has the columns of [`lock`].
pub(super) fn state(row: &Row) -> Result<UserState, StoreError> {
    Ok(UserState {
        generation: row.try_get("generation")?,
        ticket_required: row.try_get("ticket_required")?,
        attempts: Attempts {
            wrong_codes: row.try_get("wrong_codes")?,
            lock_level: row.try_get("lock_level")?,
            locked_until: row.try_get("locked_until")?,
            lock_recorded: row.try_get("lock_recorded")?,
            recent_failures: row.try_get("recent_failures")?,
            exhausted_time: row.try_get("exhausted_time")?,
        },
    })
}
