//! `factor.sealed_secret`.

use host::Resealed;
use store::{Store, StoreError, Unit};
use types::{OrganizationId, UserId};

use super::SealedRow;
use super::columns::{Columns, behind};
use crate::domain::Factor;
use crate::store::{UserKey, factor};

/// Factors whose secret is sealed under a key.
///
/// # Errors
/// The database's.
pub(crate) async fn factors_under(
    store: &Store,
    key: &str,
    after: Option<&SealedRow<Factor>>,
    limit: i64,
) -> Result<Vec<SealedRow<Factor>>, StoreError> {
    const SQL: &str = "-- sealed::factors_under
        SELECT organization_id, user_id, factor_id, sealed_secret, factor_generation, last_step, drift, enroll_time,
               last_use_time
        FROM factor WHERE sealed_under = $1 AND (organization_id, user_id) > ($2, $3)
        ORDER BY organization_id, user_id LIMIT $4";
    let (organization, user) = behind(after);
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let rows = reader.query(&statement, &[&key, &organization, &user, &limit]).await?;
    let row = |row: &tokio_postgres::Row| {
        let place = factor::factor(row)?;
        Ok(SealedRow {
            user: UserKey {
                organization_id: OrganizationId::from_uuid(row.try_get("organization_id")?),
                user_id: UserId::from_uuid(row.try_get("user_id")?),
            },
            sealed: place.sealed_secret.clone(),
            place,
        })
    };
    rows.iter().map(row).collect()
}

/// Writes secrets that were sealed anew; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn replace_factors(
    unit: &Unit<'_>,
    rows: &[Resealed<SealedRow<Factor>>],
) -> Result<u64, StoreError> {
    const SQL: &str = "-- sealed::replace_factors
        WITH mine AS (
            SELECT f.organization_id, f.user_id, fresh.sealed
            FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[])
                AS fresh (organization_id, user_id, was, sealed)
            JOIN factor f ON f.organization_id = fresh.organization_id AND f.user_id = fresh.user_id
                AND f.sealed_secret = fresh.was
            FOR UPDATE OF f SKIP LOCKED
        )
        UPDATE factor f SET sealed_secret = mine.sealed FROM mine
        WHERE f.organization_id = mine.organization_id AND f.user_id = mine.user_id";
    let Columns { organizations, users, was, sealed } = Columns::of(rows);
    unit.execute(SQL, &[&organizations, &users, &was, &sealed]).await
}
