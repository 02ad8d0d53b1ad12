//! The copy of tenant's organisations.

use store::{Store, StoreError, Unit};
use types::{OrganizationId, OrganizationPath};
use uuid::Uuid;
use wire::OrganizationFacts;

use super::read::{self, organization_columns};
use crate::domain::organization::{Branch, Organization};

/// An organisation, where the copy holds it.
///
/// # Errors
/// The database's.
pub async fn find(store: &Store, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
    const SQL: &str = concat!(
        "-- organizations::find\n",
        "SELECT ",
        organization_columns!(),
        " FROM organization o WHERE o.organization_id = $1"
    );
    let row = read::row(store, SQL, &[&id.uuid()]).await?;
    row.as_ref().map_or(Ok(None), read::organization)
}

/// The provider's path, where the copy holds the provider.
///
/// # Errors
/// The database's.
pub async fn provider(store: &Store) -> Result<Option<OrganizationPath>, StoreError> {
    const SQL: &str = "-- organizations::provider
        SELECT path FROM organization WHERE kind = 'provider' LIMIT 1";
    let row = read::row(store, SQL, &[]).await?;
    row.map(|row| read::path("organization.path", &row.try_get::<_, Vec<Uuid>>(0)?)).transpose()
}

/// Which of these organisations the copy lacks.
///
/// # Errors
/// The database's.
pub async fn missing(store: &Store, path: &OrganizationPath) -> Result<Vec<OrganizationId>, StoreError> {
    const SQL: &str = "-- organizations::missing
        SELECT id FROM unnest($1::uuid[]) AS id
        WHERE NOT EXISTS (SELECT 1 FROM organization WHERE organization_id = id)";
    let rows = read::rows(store, SQL, &[&path.uuids()]).await?;
    rows.iter().map(|row| Ok(OrganizationId::from_uuid(row.try_get(0)?))).collect()
}

/// Whether an organisation and everything above it may be used, by a path that tenant told a moment ago.
///
/// # Errors
/// The database's.
pub async fn branch(store: &Store, path: &OrganizationPath) -> Result<Branch, StoreError> {
    const SQL: &str = "-- organizations::branch
        SELECT CASE WHEN count(*) = cardinality($1::uuid[]) THEN bool_and(state = 'active') END
        FROM organization WHERE organization_id = ANY ($1)";
    let row = read::row(store, SQL, &[&path.uuids()]).await?;
    Ok(read::branch(row.map(|row| row.try_get(0)).transpose()?.flatten()))
}

/// Applies facts of tenant if they are newer than the copy's; whether they were. The row is locked until the unit ends, in
/// either case: no unit of a user of this organisation is under way.
///
/// # Errors
/// The database's.
pub async fn project(unit: &Unit<'_>, facts: &OrganizationFacts) -> Result<bool, StoreError> {
    const SQL: &str = "-- organizations::project
        INSERT INTO organization (organization_id, path, kind, name, realms, state, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT ON CONSTRAINT organization_pkey DO UPDATE
        SET path = EXCLUDED.path, kind = EXCLUDED.kind, name = EXCLUDED.name, realms = EXCLUDED.realms,
            state = EXCLUDED.state, version = EXCLUDED.version
        WHERE organization.version < EXCLUDED.version";
    let realms: Vec<&str> = facts.realms.iter().map(types::Realm::as_str).collect();
    let rows = unit
        .execute(
            SQL,
            &[
                &facts.id().uuid(),
                &facts.path.uuids(),
                &facts.kind().as_str(),
                &facts.name.as_str(),
                &realms,
                &read::organization_state(facts.state),
                &facts.version,
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// Whether the copy holds these very facts, and not newer ones. Within a unit that has projected them.
///
/// # Errors
/// The database's.
pub async fn is_current(unit: &Unit<'_>, facts: &OrganizationFacts) -> Result<bool, StoreError> {
    const SQL: &str = "-- organizations::is_current
        SELECT 1 FROM organization WHERE organization_id = $1 AND version = $2";
    Ok(unit.query_opt(SQL, &[&facts.id().uuid(), &facts.version]).await?.is_some())
}
