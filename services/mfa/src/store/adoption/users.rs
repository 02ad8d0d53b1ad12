//! What users are, and what they were counted as.

use clock::Timestamp;
use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::OrganizationId;

use crate::domain::{Counted, Member, Recount, Standing};
use crate::store::UserKey;

/// Users as they are now and as they were counted. `users` come with the moment since when what changed is so.
///
/// # Errors
/// The database's.
pub(crate) async fn load(
    unit: &Unit<'_>,
    users: &[(UserKey, Timestamp)],
) -> Result<Vec<(UserKey, Recount)>, StoreError> {
    const SQL: &str = "-- users::load
        SELECT u.number, k.state, k.auth_source, f.user_id IS NOT NULL AS has_factor,
               CASE WHEN e.enforced THEN coalesce(e.enforce_from, e.set_time) END AS demanded_from,
               a.standing AS was_standing, a.has_factor AS had_factor, a.demanded_from AS was_demanded_from,
               a.waiting_since, a.counted_time
        FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u (organization_id, user_id, number)
        LEFT JOIN known_user k ON k.organization_id = u.organization_id AND k.user_id = u.user_id
        LEFT JOIN factor f ON f.organization_id = u.organization_id AND f.user_id = u.user_id
        LEFT JOIN enforcement e ON e.organization_id = u.organization_id AND e.target = u.user_id::text
        LEFT JOIN adoption_user a ON a.organization_id = u.organization_id AND a.user_id = u.user_id";
    let (organizations, ids): (Vec<_>, Vec<_>) =
        users.iter().map(|(user, _)| (user.organization_id.uuid(), user.user_id.uuid())).unzip();
    let rows = unit.query(SQL, &[&organizations, &ids]).await?;
    rows.iter()
        .map(|row| {
            let number = usize::try_from(row.try_get::<_, i64>("number")?).unwrap_or(0);
            let asked = number.checked_sub(1).and_then(|index| users.get(index));
            let (user, since) = asked.ok_or(StoreError::Unreadable { column: "users.number" })?;
            Ok((*user, recount(row, user.organization_id, *since)?))
        })
        .collect()
}

fn recount(row: &Row, organization_id: OrganizationId, since: Timestamp) -> Result<Recount, StoreError> {
    let before = match row.try_get::<_, Option<&str>>("was_standing")? {
        None => None,
        Some(standing) => Some(Counted {
            value: Member {
                standing: Standing::read(standing)
                    .ok_or(StoreError::Unreadable { column: "adoption_user.standing" })?,
                has_factor: row.try_get("had_factor")?,
                demanded_from: row.try_get("was_demanded_from")?,
                waiting_since: row.try_get("waiting_since")?,
            },
            at: row.try_get("counted_time")?,
        }),
    };
    let state: Option<&str> = row.try_get("state")?;
    let source: Option<&str> = row.try_get("auth_source")?;
    let standing = match (state, source) {
        (Some("active"), Some("local")) => Standing::Local,
        (Some("active" | "disabled"), Some("external")) => Standing::External,
        _ => Standing::None,
    };
    let value = before.as_ref().map(|before: &Counted<Member>| &before.value);
    let (has_factor, demanded_from) = (row.try_get("has_factor")?, row.try_get("demanded_from")?);
    let now = Member::new(standing, has_factor, demanded_from, value, since);
    Ok(Recount { organization_id, before, now })
}

/// Writes what users are counted as from now on.
///
/// # Errors
/// The database's.
pub(crate) async fn save(
    unit: &Unit<'_>,
    users: &[(UserKey, Recount)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- users::save
        INSERT INTO adoption_user (organization_id, user_id, standing, has_factor, demanded_from, waiting_since,
            counted_time, due_time)
        SELECT organization_id, user_id, standing, has_factor, demanded_from, waiting_since, $7, due_time
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::timestamptz[], $6::timestamptz[],
                    $8::timestamptz[])
             AS u (organization_id, user_id, standing, has_factor, demanded_from, waiting_since, due_time)
        ON CONFLICT ON CONSTRAINT adoption_user_pk DO UPDATE SET
            standing = EXCLUDED.standing, has_factor = EXCLUDED.has_factor,
            demanded_from = EXCLUDED.demanded_from, waiting_since = EXCLUDED.waiting_since,
            counted_time = EXCLUDED.counted_time, due_time = EXCLUDED.due_time";
    let members = || users.iter().map(|(_, recount)| recount.now);
    let (organizations, ids): (Vec<_>, Vec<_>) =
        users.iter().map(|(user, _)| (user.organization_id.uuid(), user.user_id.uuid())).unzip();
    let standings: Vec<_> = members().map(|member| member.standing.as_str()).collect();
    let factors: Vec<_> = members().map(|member| member.has_factor).collect();
    let demands: Vec<_> = members().map(|member| member.demanded_from).collect();
    let waits: Vec<_> = members().map(|member| member.waiting_since).collect();
    let dues: Vec<_> = members().map(|member| member.due_after(now)).collect();
    unit.execute(SQL, &[&organizations, &ids, &standings, &factors, &demands, &waits, &now, &dues])
        .await
        .map(drop)
}
