//! The table `recovery_codes`. A set goes when its factor goes: the database sees to that.

use clock::Timestamp;
use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::{FactorId, RecoverySetId};

use super::UserKey;
use crate::domain::{RecoveryHash, RecoverySet};

/// A user's recovery codes; it stays so while the user is locked.
///
/// # Errors
/// The database's.
pub(crate) async fn load(unit: &Unit<'_>, user: UserKey) -> Result<Option<RecoverySet>, StoreError> {
    const SQL: &str = "-- recovery_codes::load
        SELECT set_id, factor_id, sealed_key, unused, last_used, last_use_time
        FROM recovery_codes WHERE organization_id = $1 AND user_id = $2";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.as_ref().map(set).transpose()
}

/// How many recovery codes a user has left.
///
/// # Errors
/// The database's.
pub(crate) async fn count(unit: &Unit<'_>, user: UserKey) -> Result<i32, StoreError> {
    const SQL: &str = "-- recovery_codes::count
        SELECT cardinality(unused) FROM recovery_codes WHERE organization_id = $1 AND user_id = $2";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

/// Makes a set good. An earlier one of the user is dead.
///
/// # Errors
/// The database's.
pub(crate) async fn replace(
    unit: &Unit<'_>,
    user: UserKey,
    set: &RecoverySet,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_codes::replace
        INSERT INTO recovery_codes (organization_id, user_id, set_id, factor_id, sealed_key, unused, generate_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT ON CONSTRAINT recovery_codes_pk DO UPDATE SET
            set_id = EXCLUDED.set_id, factor_id = EXCLUDED.factor_id, sealed_key = EXCLUDED.sealed_key,
            unused = EXCLUDED.unused, last_used = NULL, last_use_time = NULL,
            generate_time = EXCLUDED.generate_time";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let (set_id, factor, unused) = (set.id.uuid(), set.factor_id.uuid(), column(&set.unused));
    unit.execute_one(
        "recovery_codes::replace",
        SQL,
        &[&organization, &id, &set_id, &factor, &set.sealed_key, &unused, &now],
    )
    .await
}

/// Spends a code. One that is not left touches nothing, which is an error: the last line of defence against a second use.
///
/// # Errors
/// The database's.
pub(crate) async fn spend(
    unit: &Unit<'_>,
    user: UserKey,
    set: RecoverySetId,
    code: RecoveryHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- recovery_codes::spend
        UPDATE recovery_codes SET unused = array_remove(unused, $4), last_used = $4, last_use_time = $5
        WHERE organization_id = $1 AND user_id = $2 AND set_id = $3 AND $4 = ANY (unused)";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let (set, code) = (set.uuid(), code.0.as_slice());
    unit.execute_one("recovery_codes::spend", SQL, &[&organization, &id, &set, &code, &now]).await
}

/// Hashes as a column takes them.
pub(super) fn column(hashes: &[RecoveryHash]) -> Vec<&[u8]> {
    hashes.iter().map(|hash| hash.0.as_slice()).collect()
}

/// Hashes as a column holds them.
pub(super) fn hashes(column: &'static str, kept: &[&[u8]]) -> Result<Vec<RecoveryHash>, StoreError> {
    kept.iter().map(|bytes| hash(column, bytes)).collect()
}

fn hash(column: &'static str, bytes: &[u8]) -> Result<RecoveryHash, StoreError> {
    bytes.try_into().map(RecoveryHash).map_err(|_| StoreError::Unreadable { column })
}

fn set(row: &Row) -> Result<RecoverySet, StoreError> {
    let unused: Vec<&[u8]> = row.try_get("unused")?;
    let last_used: Option<&[u8]> = row.try_get("last_used")?;
    let last_used = last_used.map(|bytes| hash("recovery_codes.last_used", bytes)).transpose()?;
    let last_use_time: Option<Timestamp> = row.try_get("last_use_time")?;
    Ok(RecoverySet {
        id: RecoverySetId::from_uuid(row.try_get("set_id")?),
        factor_id: FactorId::from_uuid(row.try_get("factor_id")?),
        sealed_key: row.try_get("sealed_key")?,
        unused: hashes("recovery_codes.unused", &unused)?,
        last_used: last_used.zip(last_use_time),
    })
}
