//! `recovery_codes.sealed_key`.

use host::Resealed;
use store::{Store, StoreError, Unit};
use types::{FactorId, OrganizationId, RecoverySetId, UserId};

use super::SealedRow;
use super::columns::{Columns, behind};
use crate::store::UserKey;

/// A set of recovery codes, and the factor it stands in for.
pub(crate) type RecoveryPlace = (FactorId, RecoverySetId);

/// Sets of recovery codes whose key is sealed under a key.
///
/// # Errors
/// The database's.
pub(crate) async fn recovery_under(
    store: &Store,
    key: &str,
    after: Option<&SealedRow<RecoveryPlace>>,
    limit: i64,
) -> Result<Vec<SealedRow<RecoveryPlace>>, StoreError> {
    const SQL: &str = "-- sealed::recovery_under
        SELECT organization_id, user_id, factor_id, set_id, sealed_key
        FROM recovery_codes WHERE sealed_under = $1 AND (organization_id, user_id) > ($2, $3)
        ORDER BY organization_id, user_id LIMIT $4";
    let (organization, user) = behind(after);
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let rows = reader.query(&statement, &[&key, &organization, &user, &limit]).await?;
    let row = |row: &tokio_postgres::Row| {
        Ok(SealedRow {
            user: UserKey {
                organization_id: OrganizationId::from_uuid(row.try_get(0)?),
                user_id: UserId::from_uuid(row.try_get(1)?),
            },
            place: (FactorId::from_uuid(row.try_get(2)?), RecoverySetId::from_uuid(row.try_get(3)?)),
            sealed: row.try_get(4)?,
        })
    };
    rows.iter().map(row).collect()
}

/// Writes keys that were sealed anew; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn replace_recovery(
    unit: &Unit<'_>,
    rows: &[Resealed<SealedRow<RecoveryPlace>>],
) -> Result<u64, StoreError> {
    const SQL: &str = "-- sealed::replace_recovery
        WITH mine AS (
            SELECT r.organization_id, r.user_id, fresh.sealed
            FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[])
                AS fresh (organization_id, user_id, was, sealed)
            JOIN recovery_codes r ON r.organization_id = fresh.organization_id AND r.user_id = fresh.user_id
                AND r.sealed_key = fresh.was
            FOR UPDATE OF r SKIP LOCKED
        )
        UPDATE recovery_codes r SET sealed_key = mine.sealed FROM mine
        WHERE r.organization_id = mine.organization_id AND r.user_id = mine.user_id";
    let Columns { organizations, users, was, sealed } = Columns::of(rows);
    unit.execute(SQL, &[&organizations, &users, &was, &sealed]).await
}
