//! Reading outside a unit, and turning stored words into domain types.

use std::str::FromStr;

use store::{Store, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::OrganizationPath;
use wire::{OrganizationState, PolicyVersion, UserState};

use crate::domain::organization::{Branch, Organization};

/// All rows of a statement, outside any transaction.
pub(super) async fn rows(
    store: &Store,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let client = store.read().await?;
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

/// The one row of a statement, or none, outside any transaction.
pub(super) async fn row(
    store: &Store,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, StoreError> {
    let client = store.read().await?;
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_opt(&statement, parameters).await?)
}

/// A text column as a domain type.
pub(super) fn word<T: FromStr>(column: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable { column })
}

/// The policy versions of a `jsonb` column that was selected as text.
pub(super) fn policy_version(column: &'static str, json: &str) -> Result<PolicyVersion, StoreError> {
    serde_json::from_str(json).map(PolicyVersion).map_err(|_| StoreError::Unreadable { column })
}

/// Policy versions as a parameter for `$n::text::jsonb`.
pub(super) fn policy_version_json(policy: &PolicyVersion) -> Result<String, StoreError> {
    serde_json::to_string(&policy.0).map_err(|_| StoreError::Unreadable { column: "policy_version" })
}

/// The form of a user's state in the database.
pub(super) const fn user_state(state: UserState) -> &'static str {
    match state {
        UserState::Active => "active",
        UserState::Inactive => "disabled",
        UserState::Deleted => "deleted",
    }
}

/// Reads [`user_state`] back.
pub(super) fn read_user_state(text: &str) -> Result<UserState, StoreError> {
    [UserState::Active, UserState::Inactive, UserState::Deleted]
        .into_iter()
        .find(|state| user_state(*state) == text)
        .ok_or(StoreError::Unreadable { column: "user_account.state" })
}

/// The form of an organisation's state in the database.
pub(super) const fn organization_state(state: OrganizationState) -> &'static str {
    match state {
        OrganizationState::Active => "active",
        OrganizationState::Inactive => "suspended",
        OrganizationState::Deleted => "deleted",
    }
}

/// A path column.
pub(super) fn path(column: &'static str, ids: &[uuid::Uuid]) -> Result<OrganizationPath, StoreError> {
    OrganizationPath::from_uuids(ids).map_err(|_| StoreError::Unreadable { column })
}

/// The columns of an organisation, of the table aliased `o`, as [`organization`] reads them.
macro_rules! organization_columns {
    () => {
        "o.path AS o_path, (SELECT CASE WHEN count(*) = cardinality(o.path) THEN bool_and(a.state = 'active') END \
         FROM organization a WHERE a.organization_id = ANY (o.path)) AS o_branch"
    };
}
pub(super) use organization_columns;

/// Reads `organization_columns!`; none where an outer join found none.
pub(super) fn organization(row: &Row) -> Result<Option<Organization>, StoreError> {
    let Some(ids) = row.try_get::<_, Option<Vec<uuid::Uuid>>>("o_path")? else { return Ok(None) };
    Ok(Some(Organization {
        path: path("organization.path", &ids)?,
        branch: branch(row.try_get("o_branch")?),
    }))
}

/// Whether all organisations of a path are active; none when the copy lacks one.
pub(super) const fn branch(is_active: Option<bool>) -> Branch {
    match is_active {
        Some(true) => Branch::Active,
        Some(false) => Branch::Inactive,
        None => Branch::Unknown,
    }
}
