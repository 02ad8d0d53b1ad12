//! The table `user_mfa`.

use store::{StoreError, Unit, Write};
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
            refused_while_locked, recent_failures, exhausted_time, suspicion_told, secret_bound";
    let rows = unit.query(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    rows.first().map(state).transpose()?.ok_or(StoreError::RowCount { statement: "user::lock", rows: 0 })
}

/// Whether and until when a user's codes are locked, as it is committed; nothing else of the attempts, and no lock is taken.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_state(unit: &Unit<'_>, user: UserKey) -> Result<Attempts, StoreError> {
    const SQL: &str = "-- user::lock_state
        SELECT locked_until, exhausted_time FROM user_mfa WHERE organization_id = $1 AND user_id = $2";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    let Some(row) = row else { return Ok(Attempts::default()) };
    Ok(Attempts {
        locked_until: row.try_get("locked_until")?,
        exhausted_time: row.try_get("exhausted_time")?,
        ..Attempts::default()
    })
}

/// Writes a locked user's state.
///
/// # Errors
/// The database's.
pub(crate) async fn save(unit: &Unit<'_>, user: UserKey, state: &UserState) -> Result<(), StoreError> {
    unit.write(saving(user, state)).await
}

/// The write of [`save`].
pub(crate) fn saving(user: UserKey, state: &UserState) -> Write {
    const SQL: &str = "-- user::save
        UPDATE user_mfa SET generation = $3, ticket_required = $4, wrong_codes = $5, lock_level = $6,
            locked_until = $7, lock_recorded = $8, recent_failures = $9, exhausted_time = $10,
            refused_while_locked = $11, suspicion_told = $12, secret_bound = $13
        WHERE organization_id = $1 AND user_id = $2";
    let attempts = &state.attempts;
    Write::new("user::save", SQL)
        .with(user.organization_id.uuid())
        .with(user.user_id.uuid())
        .with(state.generation)
        .with(state.ticket_required)
        .with(attempts.wrong_codes)
        .with(attempts.lock_level)
        .with(attempts.locked_until)
        .with(attempts.lock_recorded)
        .with(attempts.recent_failures.clone())
        .with(attempts.exhausted_time)
        .with(attempts.refused_while_locked)
        .with(attempts.suspicion_told)
        .with(state.secret_bound)
}

/// Resets every user of an organisation that has a state here, as [`UserState::after_reset`] does one.
///
/// # Errors
/// The database's.
pub(crate) async fn reset_all(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- user::reset_all
        UPDATE user_mfa SET generation = generation + 1, wrong_codes = 0, lock_level = 0, locked_until = NULL,
            lock_recorded = false, recent_failures = '{}', exhausted_time = NULL, refused_while_locked = 0,
            suspicion_told = false, secret_bound = true
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
            refused_while_locked: row.try_get("refused_while_locked")?,
            recent_failures: row.try_get("recent_failures")?,
            exhausted_time: row.try_get("exhausted_time")?,
            suspicion_told: row.try_get("suspicion_told")?,
        },
        secret_bound: row.try_get("secret_bound")?,
    })
}
