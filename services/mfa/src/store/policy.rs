//! The table `enforcement`.

use clock::Timestamp;
use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use types::{EventId, Role, UserId};
use uuid::Uuid;

use crate::domain::{Chain, Place, Policy, SetBy, Setting};

const LOAD: &str = "-- policy::load
    SELECT e.target, e.enforced, e.reason, e.enforce_from, e.require_enrollment_ticket, e.set_by_user_id,
           e.set_by_role, e.set_time, e.version, e.event_id
    FROM unnest($1::uuid[], $2::text[]) AS place (organization_id, target)
    JOIN enforcement e ON e.organization_id = place.organization_id AND e.target = place.target";

/// What is set on the levels of a chain, as it is committed.
///
/// # Errors
/// The database's.
pub(crate) async fn load(store: &Store, chain: &Chain) -> Result<Policy, StoreError> {
    let (organizations, targets) = places(chain);
    let reader = store.read().await?;
    let statement = reader.prepare_cached(LOAD).await?;
    read(chain, &reader.query(&statement, &[&organizations, &targets]).await?)
}

/// The same, as the unit sees it.
///
/// # Errors
/// The database's.
pub(crate) async fn load_in_unit(unit: &Unit<'_>, chain: &Chain) -> Result<Policy, StoreError> {
    let (organizations, targets) = places(chain);
    read(chain, &unit.query(LOAD, &[&organizations, &targets]).await?)
}

/// Locks one level, also one that was never set and so has no row: two first changes would both be version 1.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(unit: &Unit<'_>, place: Place) -> Result<(), StoreError> {
    const SQL: &str = "-- policy::lock
        SELECT pg_advisory_xact_lock(hashtextextended('enforcement:' || $1, 0))";
    unit.query(SQL, &[&place.target.key()]).await.map(drop)
}

/// Writes a level's new value. Its version must be the next one: the level is locked.
///
/// # Errors
/// The database's.
pub(crate) async fn set(unit: &Unit<'_>, place: Place, setting: &Setting) -> Result<(), StoreError> {
    const SQL: &str = "-- policy::set
        INSERT INTO enforcement AS e (organization_id, target, level, enforced, reason, enforce_from,
            require_enrollment_ticket, set_by_user_id, set_by_role, set_time, version, event_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT ON CONSTRAINT enforcement_pk DO UPDATE SET
            enforced = EXCLUDED.enforced, reason = EXCLUDED.reason, enforce_from = EXCLUDED.enforce_from,
            require_enrollment_ticket = EXCLUDED.require_enrollment_ticket,
            set_by_user_id = EXCLUDED.set_by_user_id, set_by_role = EXCLUDED.set_by_role,
            set_time = EXCLUDED.set_time, version = EXCLUDED.version, event_id = EXCLUDED.event_id
        WHERE e.version = EXCLUDED.version - 1";
    let set_by_user = setting.set_by.map(|by| by.user_id.uuid());
    let set_by_role = setting.set_by.map(|by| by.role.as_str());
    unit.execute_one(
        "policy::set",
        SQL,
        &[
            &place.organization_id.uuid(),
            &place.target.key(),
            &place.target.level().as_str(),
            &setting.enforced,
            &setting.reason,
            &setting.enforce_from,
            &setting.require_ticket,
            &set_by_user,
            &set_by_role,
            &setting.set_time,
            &setting.version,
            &setting.event_id.uuid(),
        ],
    )
    .await
}

/// The places of a chain as two parallel arrays.
pub(super) fn places(chain: &Chain) -> (Vec<Uuid>, Vec<String>) {
    chain.places().map(|place| (place.organization_id.uuid(), place.target.key())).unzip()
}

/// The policy of a chain from rows that have the columns of [`LOAD`]; a row without `target` stands for an unset level.
pub(super) fn read(chain: &Chain, rows: &[Row]) -> Result<Policy, StoreError> {
    let mut settings = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(target) = row.try_get::<_, Option<String>>("target")? {
            settings.push((target, setting(row)?));
        }
    }
    Ok(Policy::of(chain, |place| {
        let key = place.target.key();
        let at = settings.iter().position(|(target, _)| *target == key)?;
        Some(settings.swap_remove(at).1)
    }))
}

fn setting(row: &Row) -> Result<Setting, StoreError> {
    let user: Option<Uuid> = row.try_get("set_by_user_id")?;
    let role: Option<&str> = row.try_get("set_by_role")?;
    let role = role
        .map(str::parse::<Role>)
        .transpose()
        .map_err(|_| StoreError::Unreadable { column: "enforcement.set_by_role" })?;
    Ok(Setting {
        enforced: row.try_get("enforced")?,
        reason: row.try_get("reason")?,
        enforce_from: row.try_get::<_, Option<Timestamp>>("enforce_from")?,
        require_ticket: row.try_get("require_enrollment_ticket")?,
        set_by: user.zip(role).map(|(id, role)| SetBy { user_id: UserId::from_uuid(id), role }),
        set_time: row.try_get("set_time")?,
        version: row.try_get("version")?,
        event_id: EventId::from_uuid(row.try_get("event_id")?),
    })
}
