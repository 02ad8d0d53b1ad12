//! The table `organization`.

use fault::Outcome;
use store::{Store, StoreError, Unit};
use types::{EventId, OrganizationId, OrganizationKind, Realm};
use uuid::Uuid;

use super::violation::explain;
use super::{realm, row};
use crate::domain::{NameKey, Organization};

const LOAD: &str = "-- organization::load
    SELECT o.path, o.name, o.state, o.version, o.create_time, o.update_time,
           ARRAY(SELECT r.realm FROM realm r WHERE r.organization_id = o.organization_id ORDER BY r.realm) AS realms
    FROM organization o WHERE o.organization_id = $1";

/// An organisation, as it is committed.
///
/// # Errors
/// The database's.
pub(crate) async fn load(store: &Store, id: OrganizationId) -> Result<Option<Organization>, StoreError> {
    let reader = store.read().await?;
    let statement = reader.prepare_cached(LOAD).await?;
    reader.query_opt(&statement, &[&id.uuid()]).await?.as_ref().map(row::organization).transpose()
}

/// An organisation, as the unit sees it. After [`lock`] or [`share`] it stays so until the unit ends.
///
/// # Errors
/// The database's.
pub(crate) async fn load_in_unit(
    unit: &Unit<'_>,
    id: OrganizationId,
) -> Result<Option<Organization>, StoreError> {
    unit.query_opt(LOAD, &[&id.uuid()]).await?.as_ref().map(row::organization).transpose()
}

/// The organisation that a realm belongs to.
///
/// # Errors
/// The database's.
pub(crate) async fn load_by_realm(store: &Store, realm: &Realm) -> Result<Option<Organization>, StoreError> {
    const SQL: &str = "-- organization::load_by_realm
        SELECT o.path, o.name, o.state, o.version, o.create_time, o.update_time,
               ARRAY(SELECT r.realm FROM realm r WHERE r.organization_id = o.organization_id ORDER BY r.realm) AS realms
        FROM realm w JOIN organization o ON o.organization_id = w.organization_id
        WHERE w.realm = $1";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    reader.query_opt(&statement, &[&realm.as_str()]).await?.as_ref().map(row::organization).transpose()
}

/// Locks an organisation for a change. A statement of its own, so that what is loaded afterwards is what the lock
/// holds, realms included. One that does not exist locks nothing.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(unit: &Unit<'_>, id: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- organization::lock
        SELECT organization_id FROM organization WHERE organization_id = $1 FOR NO KEY UPDATE";
    unit.query_opt(SQL, &[&id.uuid()]).await.map(drop)
}

/// Keeps an organisation from being changed while something is made below it; others may do the same at once.
///
/// # Errors
/// The database's.
pub(crate) async fn share(unit: &Unit<'_>, id: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- organization::share
        SELECT organization_id FROM organization WHERE organization_id = $1 FOR SHARE";
    unit.query_opt(SQL, &[&id.uuid()]).await.map(drop)
}

/// At most `most` of the living organisations directly below one, in the order of their names, after a name.
///
/// # Errors
/// The database's.
pub(crate) async fn list_children(
    store: &Store,
    parent: OrganizationId,
    kind: Option<OrganizationKind>,
    after: Option<&NameKey>,
    most: usize,
) -> Result<Vec<Organization>, StoreError> {
    // No key is empty, so "after the empty one" is the beginning, and every page is one range of the index.
    const SQL: &str = "-- organization::list_children
        SELECT o.path, o.name, o.state, o.version, o.create_time, o.update_time,
               ARRAY(SELECT r.realm FROM realm r WHERE r.organization_id = o.organization_id ORDER BY r.realm) AS realms
        FROM organization o
        WHERE o.parent_id = $1 AND o.name_key > $2 AND o.state <> 'deleted' AND ($3::text IS NULL OR o.kind = $3)
        ORDER BY o.name_key LIMIT $4";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let after = after.map_or("", NameKey::as_str);
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let kind = kind.map(OrganizationKind::as_str);
    let rows = reader.query(&statement, &[&parent.uuid(), &after, &kind, &limit]).await?;
    rows.iter().map(row::organization).collect()
}

/// Writes a new organisation and gives it its realms.
///
/// # Errors
/// NAME_TAKEN among its siblings; ALREADY_BOOTSTRAPPED for a second provider; REALM_TAKEN.
pub(crate) async fn insert(unit: &Unit<'_>, organization: &Organization) -> Outcome<()> {
    insert_row(unit, organization).await?;
    for realm in &organization.realms {
        realm::insert(unit, realm, organization.id()).await?;
    }
    Ok(())
}

async fn insert_row(unit: &Unit<'_>, organization: &Organization) -> Outcome<()> {
    const SQL: &str = "-- organization::insert
        INSERT INTO organization (organization_id, kind, parent_id, path, name, name_key, state, version,
                                  create_time, update_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    unit.execute_one(
        "organization::insert",
        SQL,
        &[
            &organization.id().uuid(),
            &organization.kind().as_str(),
            &organization.parent_id().map(OrganizationId::uuid),
            &organization.path.uuids(),
            &organization.name.as_str(),
            &organization.name_key().as_str(),
            &row::state(organization.state),
            &organization.version,
            &organization.create_time,
            &organization.update_time,
        ],
    )
    .await
    .map_err(explain)
}

/// Writes the name and the version of a locked organisation.
///
/// # Errors
/// NAME_TAKEN among its siblings.
pub(crate) async fn update_name(unit: &Unit<'_>, organization: &Organization) -> Outcome<()> {
    const SQL: &str = "-- organization::update_name
        UPDATE organization SET name = $2, name_key = $3, version = $4, update_time = $5
        WHERE organization_id = $1 AND version = $4::bigint - 1";
    unit.execute_one(
        "organization::update_name",
        SQL,
        &[
            &organization.id().uuid(),
            &organization.name.as_str(),
            &organization.name_key().as_str(),
            &organization.version,
            &organization.update_time,
        ],
    )
    .await
    .map_err(explain)
}

/// Writes place, state and version of a locked organisation, and the event of this change, which others must apply.
///
/// # Errors
/// NAME_TAKEN among its new siblings.
pub(crate) async fn update(unit: &Unit<'_>, organization: &Organization, event_id: EventId) -> Outcome<()> {
    const SQL: &str = "-- organization::update
        UPDATE organization
        SET parent_id = $2, path = $3, state = $4, version = $5, update_time = $6, change_event_id = $7
        WHERE organization_id = $1 AND version = $5::bigint - 1";
    unit.execute_one(
        "organization::update",
        SQL,
        &[
            &organization.id().uuid(),
            &organization.parent_id().map(OrganizationId::uuid),
            &organization.path.uuids(),
            &row::state(organization.state),
            &organization.version,
            &organization.update_time,
            &event_id.uuid(),
        ],
    )
    .await
    .map_err(explain)
}

/// The event of an organisation's last change that others must have applied; none when there was no such change.
///
/// # Errors
/// The database's.
pub(crate) async fn last_change(unit: &Unit<'_>, id: OrganizationId) -> Result<Option<EventId>, StoreError> {
    const SQL: &str = "-- organization::last_change
        SELECT change_event_id FROM organization WHERE organization_id = $1";
    let Some(row) = unit.query_opt(SQL, &[&id.uuid()]).await? else { return Ok(None) };
    Ok(row.try_get::<_, Option<Uuid>>(0)?.map(EventId::from_uuid))
}

/// Whether anything living is directly below an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn has_children(unit: &Unit<'_>, parent: OrganizationId) -> Result<bool, StoreError> {
    const SQL: &str = "-- organization::has_children
        SELECT organization_id FROM organization WHERE parent_id = $1 AND state <> 'deleted' LIMIT 1";
    Ok(unit.query_opt(SQL, &[&parent.uuid()]).await?.is_some())
}

/// Whether none of these organisations is suspended or deleted.
///
/// # Errors
/// The database's.
pub(crate) async fn all_active(unit: &Unit<'_>, ids: &[OrganizationId]) -> Result<bool, StoreError> {
    const SQL: &str = "-- organization::all_active
        SELECT organization_id FROM organization WHERE organization_id = ANY ($1) AND state <> 'active' LIMIT 1";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    Ok(unit.query_opt(SQL, &[&ids]).await?.is_none())
}
