//! Everything about a user that an evaluation or an explanation needs, in one round trip.

use clock::Timestamp;
use store::{Store, StoreError};
use types::OrganizationPath;

use super::{UserKey, policy};
use crate::domain::{Chain, Policy};

/// Where a user stands.
#[derive(Debug)]
pub(crate) struct Situation {
    /// Whether the creations of the user and of every organisation above were applied, and with them the creators' wish
    /// to enforce MFA. Where not, nothing may be decided in anybody's favour.
    pub(crate) is_known: bool,
    /// The version of the user's facts that were applied here.
    pub(crate) user_version: i64,
    /// Whether the user, or an organisation above, was deleted as far as is known here: then what was configured is gone.
    pub(crate) is_deleted: bool,
    /// What is set on the levels above and at the user.
    pub(crate) policy: Policy,
    /// The user's generation.
    pub(crate) generation: i64,
    /// Whether a factor is active.
    pub(crate) has_factor: bool,
    /// Whether an enrolment is under way.
    pub(crate) has_pending: bool,
}

/// The situation of a user of the organisation at `path`, as it is committed.
///
/// # Errors
/// The database's.
pub(crate) async fn load(
    store: &Store,
    path: &OrganizationPath,
    user: UserKey,
    now: Timestamp,
) -> Result<Situation, StoreError> {
    const SQL: &str = "-- situation::load
        SELECT e.target, e.enforced, e.reason, e.enforce_from, e.require_enrollment_ticket, e.set_by_user_id,
               e.set_by_role, e.set_time, e.version, e.event_id,
               coalesce(m.generation, 0) AS generation,
               EXISTS (SELECT FROM factor f WHERE f.organization_id = $1 AND f.user_id = $2) AS has_factor,
               EXISTS (SELECT FROM pending_enrollment p WHERE p.organization_id = $1 AND p.user_id = $2
                       AND p.expire_time > $6 AND p.generation = coalesce(m.generation, 0)) AS has_pending,
               coalesce(k.enforce_mfa_applied, false) AS user_known, coalesce(k.version, 0) AS user_version,
               coalesce(k.state = 'deleted', false) AS user_deleted,
               o.known AS organizations_known, o.deleted AS organizations_deleted
        FROM unnest($3::uuid[], $4::text[]) AS place (organization_id, target)
        LEFT JOIN enforcement e ON e.organization_id = place.organization_id AND e.target = place.target
        LEFT JOIN user_mfa m ON m.organization_id = $1 AND m.user_id = $2
        LEFT JOIN known_user k ON k.organization_id = $1 AND k.user_id = $2
        CROSS JOIN (SELECT count(*) FILTER (WHERE enforce_mfa_applied) AS known,
                           count(*) FILTER (WHERE state = 'deleted') > 0 AS deleted
                    FROM organization WHERE organization_id = ANY ($5)) o";
    let chain = Chain::of_user(path, user.user_id);
    let (organizations, targets) = policy::places(&chain);
    let (organization, id, ids) = (user.organization_id.uuid(), user.user_id.uuid(), path.uuids());
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let rows = reader.query(&statement, &[&organization, &id, &organizations, &targets, &ids, &now]).await?;
    // A chain has at least the user's own level, so there is always a row.
    let row = rows.first().ok_or(StoreError::RowCount { statement: "situation::load", rows: 0 })?;
    let known: i64 = row.try_get("organizations_known")?;
    Ok(Situation {
        is_known: row.try_get("user_known")? && usize::try_from(known) == Ok(ids.len()),
        user_version: row.try_get("user_version")?,
        is_deleted: row.try_get("user_deleted")? || row.try_get("organizations_deleted")?,
        policy: policy::read(&chain, &rows)?,
        generation: row.try_get("generation")?,
        has_factor: row.try_get("has_factor")?,
        has_pending: row.try_get("has_pending")?,
    })
}
