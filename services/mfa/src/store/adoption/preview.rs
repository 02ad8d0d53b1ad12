//! Who would have to enrol.

use clock::Timestamp;
use store::{StoreError, Unit};
use types::UserId;

use super::{root, within};
use crate::domain::Branch;

/// A user who would have to enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WouldEnroll {
    pub(crate) user_id: UserId,
    pub(crate) login: String,
    /// When a session was last opened, as far as it is known.
    pub(crate) last_sign_in_time: Option<Timestamp>,
}

/// The local, active users of a branch - or only one of them - who have no factor and of whom no level of theirs demands
/// MFA, by login, after `after`. The provider's switches are not looked at: the caller knows them.
///
/// # Errors
/// The database's.
pub(crate) async fn page(
    unit: &Unit<'_>,
    branch: Branch,
    only: Option<UserId>,
    now: Timestamp,
    after: &str,
    limit: usize,
) -> Result<Vec<WouldEnroll>, StoreError> {
    let sql = format!(
        "-- preview::page
        SELECT k.user_id, k.login, k.last_sign_in_time
        FROM known_user k JOIN organization o ON o.organization_id = k.organization_id
        WHERE {within} AND o.state <> 'deleted' AND k.state = 'active' AND k.auth_source = 'local'
          AND k.login COLLATE \"C\" > $2 AND ($5::uuid IS NULL OR k.user_id = $5)
          AND NOT EXISTS (SELECT FROM factor f WHERE f.organization_id = k.organization_id AND f.user_id = k.user_id)
          AND NOT EXISTS (
              SELECT FROM unnest(ARRAY[o.path[2], o.path[3], k.organization_id],
                                 ARRAY[o.path[2]::text, o.path[3]::text, k.user_id::text])
                          AS place (organization_id, target)
              JOIN enforcement e ON e.organization_id = place.organization_id AND e.target = place.target
              WHERE e.enforced AND (e.enforce_from IS NULL OR e.enforce_from <= $3))
        ORDER BY k.login COLLATE \"C\" LIMIT $4",
        within = within(branch)
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let only = only.map(UserId::uuid);
    let rows = unit.query(&sql, &[&root(branch), &after, &now, &limit, &only]).await?;
    rows.iter()
        .map(|row| {
            Ok(WouldEnroll {
                user_id: UserId::from_uuid(row.try_get("user_id")?),
                login: row.try_get("login")?,
                last_sign_in_time: row.try_get("last_sign_in_time")?,
            })
        })
        .collect()
}
