//! Everything a verification looks at, locked and read in one round trip.

use std::collections::BTreeMap;

use store::{StoreError, Unit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::AttemptId;
use wire::PolicyVersion;

use super::{UserKey, attempt, factor, policy, user};
use crate::domain::{Chain, Factor, MadeAttempt, UserState};

/// A locked user.
#[derive(Debug)]
pub(crate) struct Locked {
    /// The state.
    pub(crate) state: UserState,
    /// The factor, when there is one.
    pub(crate) factor: Option<Factor>,
    /// The versions of policy on the user's chain.
    pub(crate) policy_version: PolicyVersion,
    /// The attempt that was made under the id before.
    pub(crate) made: Option<MadeAttempt>,
}

/// Locks a user and reads state, factor, policy version, and what became of the attempt if it was made before.
///
/// Both rows are locked by the statement, so that after waiting for another attempt PostgreSQL reads both anew; a plain
/// join would go on with the factor as it was before the wait, and accept a code twice. Where the join finds nothing -
/// there is no factor, or it was replaced during the wait - the rows are read again one by one. The log is not locked: a
/// repetition that comes while the attempt is being made does not see it, goes on, and fails at the id of its event.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(
    unit: &Unit<'_>,
    user: UserKey,
    chain: &Chain,
    attempt_id: AttemptId,
) -> Result<Locked, StoreError> {
    const SQL: &str = "-- verification::lock
        SELECT m.generation, m.ticket_required, m.wrong_codes, m.lock_level, m.locked_until, m.lock_recorded,
               m.refused_while_locked, m.recent_failures, m.exhausted_time, m.suspicion_told, m.secret_bound,
               f.factor_id, f.sealed_secret, f.factor_generation, f.last_step, f.drift, f.enroll_time, f.last_use_time,
               ARRAY(SELECT e.target FROM unnest($3::uuid[], $4::text[]) AS place (organization_id, target)
                     JOIN enforcement e ON e.organization_id = place.organization_id AND e.target = place.target
                     ORDER BY e.target) AS policy_targets,
               ARRAY(SELECT e.version FROM unnest($3::uuid[], $4::text[]) AS place (organization_id, target)
                     JOIN enforcement e ON e.organization_id = place.organization_id AND e.target = place.target
                     ORDER BY e.target) AS policy_versions,
               (SELECT e.envelope FROM event e WHERE e.event_id = $5) AS made
        FROM user_mfa m JOIN factor f ON f.organization_id = m.organization_id AND f.user_id = m.user_id
        WHERE m.organization_id = $1 AND m.user_id = $2
        FOR UPDATE OF m, f";
    let (organizations, targets) = policy::places(chain);
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&organization, &id, &organizations, &targets, &attempt_id.uuid()];
    match unit.query_opt(SQL, &parameters).await? {
        Some(row) => Ok(Locked {
            state: user::state(&row)?,
            factor: Some(factor::factor(&row)?),
            policy_version: version(&row)?,
            made: row.try_get::<_, Option<&[u8]>>("made")?.map(attempt::read).transpose()?,
        }),
        None => Ok(Locked {
            state: user::lock(unit, user).await?,
            factor: factor::load_in_unit(unit, user).await?,
            policy_version: policy::load_in_unit(unit, chain).await?.version(),
            made: attempt::find(unit, attempt_id).await?,
        }),
    }
}

fn version(row: &Row) -> Result<PolicyVersion, StoreError> {
    let targets: Vec<String> = row.try_get("policy_targets")?;
    let versions: Vec<i64> = row.try_get("policy_versions")?;
    Ok(PolicyVersion(targets.into_iter().zip(versions).collect::<BTreeMap<_, _>>()))
}
