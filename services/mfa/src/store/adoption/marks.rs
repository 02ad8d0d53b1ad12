//! Marks, and what is due by the time alone: where to count again.

use clock::Timestamp;
use store::{StoreError, Unit};
use types::{OrganizationId, UserId};
use uuid::Uuid;

use crate::store::UserKey;

/// Marks a user for being counted again: their state, factor or own level of policy changed at `at`.
///
/// # Errors
/// The database's.
pub(crate) async fn mark_user(unit: &Unit<'_>, user: UserKey, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- marks::mark_user
        INSERT INTO adoption_mark (organization_id, user_id, mark_time) VALUES ($1, $2, $3)";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    unit.execute_one("marks::mark_user", SQL, &[&organization, &id, &at]).await
}

/// Marks an organisation: its place in the tree, its state or its own level of policy changed at `at`.
///
/// # Errors
/// The database's.
pub(crate) async fn mark_organization(
    unit: &Unit<'_>,
    id: OrganizationId,
    at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- marks::mark_organization
        INSERT INTO adoption_mark (organization_id, mark_time) VALUES ($1, $2)";
    unit.execute_one("marks::mark_organization", SQL, &[&id.uuid(), &at]).await
}

/// What is to be counted again.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Users, and since when what changed about them is so.
    pub(crate) users: Vec<(UserKey, Timestamp)>,
    /// Organisations: those of the users, and others.
    pub(crate) organizations: Vec<OrganizationId>,
    /// The marks that say so.
    pub(crate) marks: Vec<(OrganizationId, i64)>,
}

/// What is marked, or counts differently by now though nothing changed; with a limit, so many of each at most. Marks of
/// organisations that tenant's log has not told of yet wait.
///
/// # Errors
/// The database's.
pub(crate) async fn touched(
    unit: &Unit<'_>,
    now: Timestamp,
    limit: Option<i64>,
) -> Result<Touched, StoreError> {
    const SQL: &str = "-- marks::touched
        SELECT m.organization_id, m.user_id, min(m.mark_time) AS since, array_agg(m.mark_id) AS marks
        FROM (SELECT m.* FROM adoption_mark m JOIN organization o USING (organization_id)
              WHERE NOT EXISTS (SELECT FROM unnest(o.path) AS above (id)
                                WHERE NOT EXISTS (SELECT FROM organization a WHERE a.organization_id = above.id))
              LIMIT $2) m
        GROUP BY m.organization_id, m.user_id
        UNION ALL
        (SELECT organization_id, user_id, due_time, NULL FROM adoption_user WHERE due_time <= $1 LIMIT $2)
        UNION ALL
        (SELECT organization_id, NULL, due_time, NULL FROM adoption_total WHERE due_time <= $1 LIMIT $2)";
    let mut touched = Touched::default();
    for row in unit.query(SQL, &[&now, &limit]).await? {
        let organization_id = OrganizationId::from_uuid(row.try_get("organization_id")?);
        if let Some(user) = row.try_get::<_, Option<Uuid>>("user_id")? {
            let key = UserKey { organization_id, user_id: UserId::from_uuid(user) };
            touched.users.push((key, row.try_get("since")?));
        }
        touched.organizations.push(organization_id);
        let marks = row.try_get::<_, Option<Vec<i64>>>("marks")?.unwrap_or_default();
        touched.marks.extend(marks.into_iter().map(|mark| (organization_id, mark)));
    }
    touched.users.sort_by_key(|(user, since)| (user.organization_id, user.user_id, *since));
    touched.users.dedup_by_key(|(user, _)| *user);
    touched.organizations.sort_unstable();
    touched.organizations.dedup();
    Ok(touched)
}

/// Removes marks.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(unit: &Unit<'_>, marks: &[(OrganizationId, i64)]) -> Result<(), StoreError> {
    const SQL: &str = "-- marks::delete
        DELETE FROM adoption_mark m USING unnest($1::uuid[], $2::bigint[]) AS d (organization_id, mark_id)
        WHERE m.organization_id = d.organization_id AND m.mark_id = d.mark_id";
    let (organizations, ids): (Vec<_>, Vec<_>) = marks.iter().map(|(id, mark)| (id.uuid(), *mark)).unzip();
    unit.execute(SQL, &[&organizations, &ids]).await.map(drop)
}
