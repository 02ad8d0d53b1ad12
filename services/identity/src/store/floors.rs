//! The floors of policy.
//!
//! Readers hold a shared lock on each target until their unit ends, raisers an exclusive one: whoever opens a session on
//! an older policy has committed before the floor rises, or sees the floor. The locks are advisory, as most targets have
//! no row, and rows shared by a whole reseller would be written at every sign-in.

use std::collections::BTreeMap;

use store::{StoreError, Unit};
use tokio_postgres::types::ToSql;
use wire::PolicyVersion;

/// The floors of these targets, which cannot rise until the unit ends.
///
/// # Errors
/// The database's.
pub async fn hold(unit: &Unit<'_>, targets: &[String]) -> Result<PolicyVersion, StoreError> {
    const LOCK: &str = "-- floors::hold (lock)
        SELECT pg_advisory_xact_lock_shared(hashtextextended('countersign.identity.policy_floor ' || target, 0))
        FROM unnest($1::text[]) AS target";
    const READ: &str = "-- floors::hold
        SELECT target, version FROM policy_floor WHERE target = ANY ($1)";
    // Two statements, one after the other: a single one would read as of before the lock, and two in flight may overtake
    // each other while the connection learns them.
    let parameters: [&(dyn ToSql + Sync); 1] = [&targets];
    unit.query(LOCK, &parameters).await?;
    let rows = unit.query(READ, &parameters).await?;
    let level = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    let levels: BTreeMap<String, i64> = rows.iter().map(level).collect::<Result<_, StoreError>>()?;
    Ok(PolicyVersion(levels))
}

/// Raises the floor of a target. Never lowers it.
///
/// # Errors
/// The database's.
pub async fn raise(unit: &Unit<'_>, target: &str, version: i64) -> Result<(), StoreError> {
    const LOCK: &str = "-- floors::raise (lock)
        SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.policy_floor ' || $1, 0))";
    const SQL: &str = "-- floors::raise
        INSERT INTO policy_floor (target, version) VALUES ($1, $2)
        ON CONFLICT ON CONSTRAINT policy_floor_pkey DO UPDATE
        SET version = greatest(policy_floor.version, EXCLUDED.version)";
    unit.query(LOCK, &[&target]).await?;
    unit.execute_one("floors::raise", SQL, &[&target, &version]).await
}
