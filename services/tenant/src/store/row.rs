//! Rows as organisations.

use store::StoreError;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use types::OrganizationPath;
use uuid::Uuid;
use wire::OrganizationState;

use crate::domain::Organization;

/// The organisation of a row that has the columns of [`super::organization`]'s reads.
pub(super) fn organization(row: &Row) -> Result<Organization, StoreError> {
    let path: Vec<Uuid> = column(row, "path")?;
    let realms: Vec<String> = column(row, "realms")?;
    let realm = |text: &String| text.parse().map_err(|_| StoreError::Unreadable { column: "realm.realm" });
    Ok(Organization {
        path: OrganizationPath::from_uuids(&path)
            .map_err(|_| StoreError::Unreadable { column: "organization.path" })?,
        name: column::<&str>(row, "name")?
            .parse()
            .map_err(|_| StoreError::Unreadable { column: "organization.name" })?,
        realms: realms.iter().map(realm).collect::<Result<_, _>>()?,
        state: read_state(column(row, "state")?)?,
        version: column(row, "version")?,
        create_time: column(row, "create_time")?,
        update_time: column(row, "update_time")?,
    })
}

/// A state as a row holds it.
pub(super) const fn state(state: OrganizationState) -> &'static str {
    match state {
        OrganizationState::Active => "active",
        OrganizationState::Inactive => "suspended",
        OrganizationState::Deleted => "deleted",
    }
}

fn read_state(text: &str) -> Result<OrganizationState, StoreError> {
    match text {
        "active" => Ok(OrganizationState::Active),
        "suspended" => Ok(OrganizationState::Inactive),
        "deleted" => Ok(OrganizationState::Deleted),
        _ => Err(StoreError::Unreadable { column: "organization.state" }),
    }
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, StoreError> {
    Ok(row.try_get(name)?)
}
