//! The tables `adoption_mark`, `adoption_user` and `adoption_total`: what is to be counted again, what users were counted
//! as, and the totals of every level of policy.

pub(crate) mod levels;
pub(crate) mod marks;
pub(crate) mod preview;
pub(crate) mod users;

use clock::Timestamp;
use store::{StoreError, Unit};

use crate::domain::Branch;

/// Becomes the only one who folds, until the unit ends; whether that succeeded.
///
/// # Errors
/// The database's.
pub(crate) async fn lock_fold(unit: &Unit<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "-- adoption::lock_fold
        SELECT pg_try_advisory_xact_lock(hashtextextended('adoption.fold', 0))";
    let row = unit.query_opt(SQL, &[]).await?;
    let row = row.ok_or(StoreError::RowCount { statement: "adoption::lock_fold", rows: 0 })?;
    Ok(row.try_get(0)?)
}

/// Plans the statements that follow in this transaction by what is asked for, not once for all: a plan that was made for
/// a handful of users, when tables were small, reads whole tables for thousands when they have grown.
///
/// # Errors
/// The database's.
pub(crate) async fn plan_anew(unit: &Unit<'_>) -> Result<(), StoreError> {
    const SQL: &str = "-- adoption::plan_anew
        SELECT set_config('plan_cache_mode', 'force_custom_plan', true)";
    unit.query(SQL, &[]).await.map(drop)
}

/// How many local, active users of a branch have a second factor that is locked at `now`. Reads the locked ones only.
///
/// # Errors
/// The database's.
pub(crate) async fn locked(unit: &Unit<'_>, branch: Branch, now: Timestamp) -> Result<i64, StoreError> {
    let sql = format!(
        "-- adoption::locked
        WITH locked AS (
            SELECT organization_id, user_id FROM user_mfa WHERE locked_until > $2
            UNION SELECT organization_id, user_id FROM user_mfa WHERE exhausted_time IS NOT NULL)
        SELECT count(*) FROM locked
        JOIN known_user k USING (organization_id, user_id) JOIN organization o USING (organization_id)
        WHERE k.state = 'active' AND k.auth_source = 'local' AND o.state <> 'deleted' AND {within}",
        within = within(branch)
    );
    let row = unit.query_opt(&sql, &[&root(branch), &now]).await?;
    let row = row.ok_or(StoreError::RowCount { statement: "adoption::locked", rows: 0 })?;
    Ok(row.try_get(0)?)
}

/// The condition on `organization o` of what lies in a branch, whose organisation is parameter `$1`.
pub(super) const fn within(branch: Branch) -> &'static str {
    match branch {
        Branch::Everything => "$1::uuid IS NULL",
        Branch::Clients => "$1::uuid IS NULL AND cardinality(o.path) > 1",
        Branch::Reseller(_) => "o.path[2] = $1::uuid",
        Branch::Alone(_) => "o.organization_id = $1::uuid",
    }
}

/// That parameter.
pub(super) const fn root(branch: Branch) -> Option<uuid::Uuid> {
    match branch {
        Branch::Everything | Branch::Clients => None,
        Branch::Reseller(id) | Branch::Alone(id) => Some(id.uuid()),
    }
}
