//! The table `factor`.

use clock::Timestamp;
use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use types::{FactorId, OrganizationId};

use super::UserKey;
use crate::domain::{Factor, TimeStep};

const LOAD: &str = "-- factor::load
    SELECT factor_id, sealed_secret, last_step, enroll_time, last_use_time
    FROM factor WHERE organization_id = $1 AND user_id = $2";

/// A user's factor, as it is committed.
///
/// # Errors
/// The database's.
pub(crate) async fn load(store: &Store, user: UserKey) -> Result<Option<Factor>, StoreError> {
    let reader = store.read().await?;
    let statement = reader.prepare_cached(LOAD).await?;
    let row = reader.query_opt(&statement, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.as_ref().map(factor).transpose()
}

/// The same within a unit; it stays so while the user is locked.
///
/// # Errors
/// The database's.
pub(crate) async fn load_in_unit(unit: &Unit<'_>, user: UserKey) -> Result<Option<Factor>, StoreError> {
    let row = unit.query_opt(LOAD, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.as_ref().map(factor).transpose()
}

/// Makes a factor active. The user has none at this moment.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(unit: &Unit<'_>, user: UserKey, factor: &Factor) -> Result<(), StoreError> {
    const SQL: &str = "-- factor::insert
        INSERT INTO factor (organization_id, user_id, factor_id, sealed_secret, last_step, enroll_time, last_use_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let Factor { id, sealed_secret, last_step, enroll_time, last_use_time } = factor;
    unit.execute_one(
        "factor::insert",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.user_id.uuid(),
            &id.uuid(),
            sealed_secret,
            &last_step.0,
            enroll_time,
            last_use_time,
        ],
    )
    .await
}

/// Destroys a user's factor; which one, when there was one.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(unit: &Unit<'_>, user: UserKey) -> Result<Option<FactorId>, StoreError> {
    const SQL: &str = "-- factor::delete
        DELETE FROM factor WHERE organization_id = $1 AND user_id = $2 RETURNING factor_id";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.map(|row| Ok(FactorId::from_uuid(row.try_get(0)?))).transpose()
}

/// Destroys the factors of every user of an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_all(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- factor::delete_all
        DELETE FROM factor WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

/// Raises the accepted step. A step that is not above the present one touches nothing, which is an error: the last line
/// of defence against a replay.
///
/// # Errors
/// The database's.
pub(crate) async fn accept_step(
    unit: &Unit<'_>,
    user: UserKey,
    step: TimeStep,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- factor::accept_step
        UPDATE factor SET last_step = $3, last_use_time = $4
        WHERE organization_id = $1 AND user_id = $2 AND last_step < $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    unit.execute_one("factor::accept_step", SQL, &[&organization, &id, &step.0, &now]).await
}

/// The factor of a row that has the columns of [`LOAD`].
pub(super) fn factor(row: &Row) -> Result<Factor, StoreError> {
    Ok(Factor {
        id: FactorId::from_uuid(row.try_get("factor_id")?),
        sealed_secret: row.try_get("sealed_secret")?,
        last_step: TimeStep(row.try_get("last_step")?),
        enroll_time: row.try_get("enroll_time")?,
        last_use_time: row.try_get("last_use_time")?,
    })
}
