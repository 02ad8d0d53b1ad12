//! Rows as the arrays of a statement's parameters.

use host::Resealed;
use uuid::Uuid;

use super::SealedRow;

/// One array a column: organisations, users, what was read, what is to be written.
pub(super) struct Columns<'a> {
    pub(super) organizations: Vec<Uuid>,
    pub(super) users: Vec<Uuid>,
    pub(super) was: Vec<&'a [u8]>,
    pub(super) sealed: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    pub(super) fn of<P>(rows: &'a [Resealed<SealedRow<P>>]) -> Self {
        Self {
            organizations: rows.iter().map(|fresh| fresh.row.user.organization_id.uuid()).collect(),
            users: rows.iter().map(|fresh| fresh.row.user.user_id.uuid()).collect(),
            was: rows.iter().map(|fresh| fresh.row.sealed.as_slice()).collect(),
            sealed: rows.iter().map(|fresh| fresh.sealed.as_slice()).collect(),
        }
    }
}

/// Where to go on behind a row: its user, or before all.
pub(super) fn behind<P>(row: Option<&SealedRow<P>>) -> (Uuid, Uuid) {
    row.map_or((Uuid::nil(), Uuid::nil()), |row| (row.user.organization_id.uuid(), row.user.user_id.uuid()))
}
