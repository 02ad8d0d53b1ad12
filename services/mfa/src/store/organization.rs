//! The table `organization`: what tenant's log says.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use types::{OrganizationId, OrganizationName, OrganizationPath};
use wire::{OrganizationFacts, OrganizationState};

/// An organisation's display name, if it is known here.
///
/// # Errors
/// The database's.
pub(crate) async fn name(store: &Store, id: OrganizationId) -> Result<Option<OrganizationName>, StoreError> {
    const SQL: &str = "-- organization::name
        SELECT name FROM organization WHERE organization_id = $1";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let row = reader.query_opt(&statement, &[&id.uuid()]).await?;
    let Some(row) = row else { return Ok(None) };
    let name = row.try_get::<_, &str>("name")?.parse();
    name.map(Some).map_err(|_| StoreError::Unreadable { column: "organization.name" })
}

/// The provider, if it is known here: the one organisation without a parent.
///
/// # Errors
/// The database's.
pub(crate) async fn provider(store: &Store) -> Result<Option<OrganizationPath>, StoreError> {
    const SQL: &str = "-- organization::provider
        SELECT path FROM organization WHERE cardinality(path) = 1 LIMIT 1";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    reader.query_opt(&statement, &[]).await?.as_ref().map(path).transpose()
}

/// Applies facts, if they are newer than what is known; whether they were. A deletion leaves a tombstone.
///
/// # Errors
/// The database's.
pub(crate) async fn apply(unit: &Unit<'_>, facts: &OrganizationFacts) -> Result<bool, StoreError> {
    const SQL: &str = "-- organization::apply
        INSERT INTO organization AS o (organization_id, path, name, state, version, enforce_mfa_applied)
        VALUES ($1, $2, $3, $4, $5, false)
        ON CONFLICT ON CONSTRAINT organization_pk DO UPDATE SET
            path = EXCLUDED.path, name = EXCLUDED.name, state = EXCLUDED.state, version = EXCLUDED.version
        WHERE o.version < EXCLUDED.version";
    let state = match facts.state {
        OrganizationState::Active => "active",
        OrganizationState::Inactive => "suspended",
        OrganizationState::Deleted => "deleted",
    };
    let (id, path, name) = (facts.id().uuid(), facts.path.uuids(), facts.name.as_str());
    Ok(unit.execute(SQL, &[&id, &path, &name, &state, &facts.version]).await? > 0)
}

/// Marks that the creator's wish was looked at; whether this was the first time.
///
/// # Errors
/// The database's.
pub(crate) async fn first_sight(unit: &Unit<'_>, id: OrganizationId) -> Result<bool, StoreError> {
    const SQL: &str = "-- organization::first_sight
        UPDATE organization SET enforce_mfa_applied = true
        WHERE organization_id = $1 AND NOT enforce_mfa_applied";
    Ok(unit.execute(SQL, &[&id.uuid()]).await? > 0)
}

/// The path of a row that has that column.
pub(super) fn path(row: &Row) -> Result<OrganizationPath, StoreError> {
    let ids: Vec<uuid::Uuid> = row.try_get("path")?;
    OrganizationPath::from_uuids(&ids).map_err(|_| StoreError::Unreadable { column: "organization.path" })
}
