//! The floors of policy, and whether an organisation and everything above it may be used.
//!
//! Readers hold a shared lock on each target until their unit ends, raisers an exclusive one: whoever opens a session on
//! an older policy has committed before the floor rises, or sees the floor. The locks are advisory, as most targets have
//! no row, and rows shared by a whole reseller would be written at every sign-in.

use std::collections::BTreeMap;

use store::{StoreError, Unit};
use tokio_postgres::types::ToSql;
use types::{OrganizationId, OrganizationPath};
use wire::PolicyVersion;

use super::read;
use crate::domain::organization::Branch;

const LOCK_ONE: &str = "-- floors::lock_one
    SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.policy_floor ' || $1, 0))";

/// The floors of these targets, which cannot rise until the unit ends, and whether the organisations of this path may be
/// used, which cannot change either: their ids are among the targets, but for the provider's, which is never suspended.
///
/// # Errors
/// The database's.
pub async fn hold(
    unit: &Unit<'_>,
    targets: &[String],
    path: &OrganizationPath,
) -> Result<(PolicyVersion, Branch), StoreError> {
    const LOCK: &str = "-- floors::hold (lock)
        SELECT pg_advisory_xact_lock_shared(hashtextextended('countersign.identity.policy_floor ' || target, 0))
        FROM unnest($1::text[]) AS target";
    const READ: &str = "-- floors::hold
        SELECT f.target, f.version, b.is_active
        FROM (SELECT CASE WHEN count(*) = cardinality($2::uuid[]) THEN bool_and(state = 'active') END AS is_active
            FROM organization WHERE organization_id = ANY ($2)) b
        LEFT JOIN policy_floor f ON f.target = ANY ($1)";
    // Two statements, one after the other: a single one would read as of before the lock, and two in flight may overtake
    // each other while the connection learns them.
    let parameters: [&(dyn ToSql + Sync); 2] = [&targets, &path.uuids()];
    unit.query(LOCK, &[&targets]).await?;
    let rows = unit.query(READ, &parameters).await?;
    let (mut levels, mut branch) = (BTreeMap::new(), Branch::Unknown);
    for row in &rows {
        branch = read::branch(row.try_get(2)?);
        if let (Some(target), Some(version)) = (row.try_get(0)?, row.try_get(1)?) {
            let _: Option<i64> = levels.insert(target, version);
        }
    }
    Ok((PolicyVersion(levels), branch))
}

/// Waits for every unit that holds this organisation's floors, and keeps others from doing so until the unit ends: what
/// they opened can be seen and ended then. Lock the organisation's row before.
///
/// # Errors
/// The database's.
pub async fn shut_out(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    unit.query(LOCK_ONE, &[&organization.to_string()]).await.map(drop)
}

/// Raises the floor of a target. Never lowers it.
///
/// # Errors
/// The database's.
pub async fn raise(unit: &Unit<'_>, target: &str, version: i64) -> Result<(), StoreError> {
    const SQL: &str = "-- floors::raise
        INSERT INTO policy_floor (target, version) VALUES ($1, $2)
        ON CONFLICT ON CONSTRAINT policy_floor_pkey DO UPDATE
        SET version = greatest(policy_floor.version, EXCLUDED.version)";
    unit.query(LOCK_ONE, &[&target]).await?;
    unit.execute_one("floors::raise", SQL, &[&target, &version]).await
}
