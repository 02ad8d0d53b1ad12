//! `pending_enrollment.sealed_secret` and `.sealed_recovery_key`.

use host::Resealed;
use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use types::{EnrollmentId, OrganizationId, UserId};

use super::SealedRow;
use super::columns::{Columns, behind};
use crate::store::UserKey;

/// An enrolment under way.
#[derive(Debug, Clone)]
pub(crate) struct PendingPlace {
    /// What the row is named by, besides the user.
    binding: String,
    /// What its secrets are bound to.
    pub(crate) enrollment: EnrollmentId,
}

type Pending = SealedRow<PendingPlace>;

/// Enrolments whose secret is sealed under a key.
///
/// # Errors
/// The database's.
pub(crate) async fn pending_under(
    store: &Store,
    key: &str,
    after: Option<&Pending>,
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    const SQL: &str = "-- sealed::pending_under
        SELECT organization_id, user_id, binding, enrollment_id, sealed_secret AS sealed
        FROM pending_enrollment WHERE sealed_under = $1 AND (organization_id, user_id, binding) > ($2, $3, $4)
        ORDER BY organization_id, user_id, binding LIMIT $5";
    read(store, SQL, key, after, limit).await
}

/// Enrolments the key of whose recovery codes is sealed under a key.
///
/// # Errors
/// The database's.
pub(crate) async fn pending_recovery_under(
    store: &Store,
    key: &str,
    after: Option<&Pending>,
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    const SQL: &str = "-- sealed::pending_recovery_under
        SELECT organization_id, user_id, binding, enrollment_id, sealed_recovery_key AS sealed
        FROM pending_enrollment
        WHERE recovery_sealed_under = $1 AND (organization_id, user_id, binding) > ($2, $3, $4)
        ORDER BY organization_id, user_id, binding LIMIT $5";
    read(store, SQL, key, after, limit).await
}

/// Writes secrets that were sealed anew; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn replace_pending(unit: &Unit<'_>, rows: &[Resealed<Pending>]) -> Result<u64, StoreError> {
    const SQL: &str = "-- sealed::replace_pending
        WITH mine AS (
            SELECT p.organization_id, p.user_id, p.binding, fresh.sealed
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[])
                AS fresh (organization_id, user_id, binding, was, sealed)
            JOIN pending_enrollment p ON p.organization_id = fresh.organization_id AND p.user_id = fresh.user_id
                AND p.binding = fresh.binding AND p.sealed_secret = fresh.was
            FOR UPDATE OF p SKIP LOCKED
        )
        UPDATE pending_enrollment p SET sealed_secret = mine.sealed FROM mine
        WHERE p.organization_id = mine.organization_id AND p.user_id = mine.user_id AND p.binding = mine.binding";
    write(unit, SQL, rows).await
}

/// Writes keys of recovery codes that were sealed anew; how many.
///
/// # Errors
/// The database's.
pub(crate) async fn replace_pending_recovery(
    unit: &Unit<'_>,
    rows: &[Resealed<Pending>],
) -> Result<u64, StoreError> {
    const SQL: &str = "-- sealed::replace_pending_recovery
        WITH mine AS (
            SELECT p.organization_id, p.user_id, p.binding, fresh.sealed
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bytea[])
                AS fresh (organization_id, user_id, binding, was, sealed)
            JOIN pending_enrollment p ON p.organization_id = fresh.organization_id AND p.user_id = fresh.user_id
                AND p.binding = fresh.binding AND p.sealed_recovery_key = fresh.was
            FOR UPDATE OF p SKIP LOCKED
        )
        UPDATE pending_enrollment p SET sealed_recovery_key = mine.sealed FROM mine
        WHERE p.organization_id = mine.organization_id AND p.user_id = mine.user_id AND p.binding = mine.binding";
    write(unit, SQL, rows).await
}

async fn read(
    store: &Store,
    sql: &str,
    key: &str,
    after: Option<&Pending>,
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    let (organization, user) = behind(after);
    let binding = after.map_or("", |row| row.place.binding.as_str());
    let reader = store.read().await?;
    let statement = reader.prepare_cached(sql).await?;
    let rows = reader.query(&statement, &[&key, &organization, &user, &binding, &limit]).await?;
    rows.iter().map(pending).collect()
}

async fn write(unit: &Unit<'_>, sql: &str, rows: &[Resealed<Pending>]) -> Result<u64, StoreError> {
    let Columns { organizations, users, was, sealed } = Columns::of(rows);
    let bindings: Vec<&str> = rows.iter().map(|fresh| fresh.row.place.binding.as_str()).collect();
    unit.execute(sql, &[&organizations, &users, &bindings, &was, &sealed]).await
}

fn pending(row: &Row) -> Result<Pending, StoreError> {
    Ok(SealedRow {
        user: UserKey {
            organization_id: OrganizationId::from_uuid(row.try_get("organization_id")?),
            user_id: UserId::from_uuid(row.try_get("user_id")?),
        },
        place: PendingPlace {
            binding: row.try_get("binding")?,
            enrollment: EnrollmentId::from_uuid(row.try_get("enrollment_id")?),
        },
        sealed: row.try_get("sealed")?,
    })
}
