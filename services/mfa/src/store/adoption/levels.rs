//! The totals of levels of policy, and how levels stand now.

use clock::Timestamp;
use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::{OrganizationId, OrganizationKind, OrganizationPath};
use uuid::Uuid;

use crate::domain::{Counted, Counts, Footing, LevelTotals, Place, ProviderScope, Settled, Target};

/// The levels of organisations and all that they stand and stood under.
///
/// # Errors
/// The database's.
pub(crate) async fn load(
    unit: &Unit<'_>,
    organizations: &[OrganizationId],
) -> Result<Vec<LevelTotals>, StoreError> {
    const SQL: &str = "-- levels::load
        WITH wanted AS (
            SELECT unnest(o.path) AS organization_id FROM organization o WHERE o.organization_id = ANY ($1)
            UNION SELECT t.parent_id FROM adoption_total t
            WHERE t.organization_id = ANY ($1) AND t.parent_id IS NOT NULL)
        SELECT o.path, place.target, o.state <> 'deleted' AS is_counted,
               CASE WHEN e.enforced THEN coalesce(e.enforce_from, e.set_time) END AS demanded_from,
               t.parent_id AS was_parent_id, t.is_counted AS was_counted, t.demanded_from AS was_demanded_from,
               t.counted_time, t.local, t.enrolled, t.external, t.waiting_long, t.enforced, t.pending, t.overdue
        FROM wanted JOIN organization o USING (organization_id)
        CROSS JOIN LATERAL unnest(CASE cardinality(o.path)
            WHEN 1 THEN ARRAY['clients_and_resellers', 'internal_users'] ELSE ARRAY[o.organization_id::text] END)
            AS place (target)
        LEFT JOIN enforcement e ON e.organization_id = o.organization_id AND e.target = place.target
        LEFT JOIN adoption_total t ON t.organization_id = o.organization_id AND t.target = place.target";
    let ids: Vec<_> = organizations.iter().map(|id| id.uuid()).collect();
    unit.query(SQL, &[&ids]).await?.iter().map(level).collect()
}

fn level(row: &Row) -> Result<LevelTotals, StoreError> {
    let path: Vec<Uuid> = row.try_get("path")?;
    let path = OrganizationPath::from_uuids(&path)
        .map_err(|_| StoreError::Unreadable { column: "organization.path" })?;
    let kind = path.kind();
    let target = match (kind, row.try_get::<_, &str>("target")?) {
        (OrganizationKind::Company, _) => Target::Company(path.organization_id()),
        (OrganizationKind::Reseller, _) => Target::Reseller(path.organization_id()),
        (OrganizationKind::Provider, "internal_users") => Target::Provider(ProviderScope::InternalUsers),
        (OrganizationKind::Provider, _) => Target::Provider(ProviderScope::ClientsAndResellers),
    };
    let parent = |id| parent(kind, OrganizationId::from_uuid(id));
    let above = path.ids().iter().nth_back(1).map(|id| id.uuid());
    let footing = Footing {
        parent: above.and_then(parent),
        is_counted: row.try_get("is_counted")?,
        demanded_from: row.try_get("demanded_from")?,
    };
    let before = match row.try_get::<_, Option<Timestamp>>("counted_time")? {
        None => None,
        Some(at) => {
            let stood = Footing {
                parent: row.try_get::<_, Option<Uuid>>("was_parent_id")?.and_then(parent),
                is_counted: row.try_get("was_counted")?,
                demanded_from: row.try_get("was_demanded_from")?,
            };
            Some(Counted { value: (counts(row)?, stood), at })
        }
    };
    Ok(LevelTotals { place: Place { organization_id: path.organization_id(), target }, before, footing })
}

/// The level above an organisation of this kind.
fn parent(kind: OrganizationKind, id: OrganizationId) -> Option<Place> {
    let target = match kind {
        OrganizationKind::Company => Target::Reseller(id),
        OrganizationKind::Reseller => Target::Provider(ProviderScope::ClientsAndResellers),
        OrganizationKind::Provider => return None,
    };
    Some(Place { organization_id: id, target })
}

fn counts(row: &Row) -> Result<Counts, StoreError> {
    Ok(Counts {
        local: row.try_get("local")?,
        enrolled: row.try_get("enrolled")?,
        external: row.try_get("external")?,
        waiting_long: row.try_get("waiting_long")?,
        enforced: row.try_get("enforced")?,
        pending: row.try_get("pending")?,
        overdue: row.try_get("overdue")?,
    })
}

/// Writes the totals of levels and how they stand in their parents'.
///
/// # Errors
/// The database's.
pub(crate) async fn save(unit: &Unit<'_>, levels: &[&Settled], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- levels::save
        INSERT INTO adoption_total (organization_id, target, parent_id, is_counted, demanded_from, counted_time,
            due_time, local, enrolled, external, waiting_long, enforced, pending, overdue)
        SELECT organization_id, target, parent_id, is_counted, demanded_from, $6, due_time,
               local, enrolled, external, waiting_long, enforced, pending, overdue
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::boolean[], $5::timestamptz[], $7::timestamptz[],
                    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                    $14::bigint[])
             AS l (organization_id, target, parent_id, is_counted, demanded_from, due_time,
                   local, enrolled, external, waiting_long, enforced, pending, overdue)
        ON CONFLICT ON CONSTRAINT adoption_total_pk DO UPDATE SET
            parent_id = EXCLUDED.parent_id, is_counted = EXCLUDED.is_counted,
            demanded_from = EXCLUDED.demanded_from, counted_time = EXCLUDED.counted_time,
            due_time = EXCLUDED.due_time, local = EXCLUDED.local, enrolled = EXCLUDED.enrolled,
            external = EXCLUDED.external, waiting_long = EXCLUDED.waiting_long, enforced = EXCLUDED.enforced,
            pending = EXCLUDED.pending, overdue = EXCLUDED.overdue";
    let column =
        |value: fn(&Counts) -> i64| levels.iter().map(|level| value(&level.counts)).collect::<Vec<_>>();
    let organizations: Vec<_> = levels.iter().map(|level| level.place.organization_id.uuid()).collect();
    let targets: Vec<_> = levels.iter().map(|level| level.place.target.key()).collect();
    let parent = |level: &&Settled| level.footing.parent.map(|place| place.organization_id.uuid());
    let parents: Vec<_> = levels.iter().map(parent).collect();
    let counted: Vec<_> = levels.iter().map(|level| level.footing.is_counted).collect();
    let demands: Vec<_> = levels.iter().map(|level| level.footing.demanded_from).collect();
    let dues: Vec<_> = levels.iter().map(|level| level.footing.due_after(now)).collect();
    unit.execute(
        SQL,
        &[
            &organizations,
            &targets,
            &parents,
            &counted,
            &demands,
            &now,
            &dues,
            &column(|counts| counts.local),
            &column(|counts| counts.enrolled),
            &column(|counts| counts.external),
            &column(|counts| counts.waiting_long),
            &column(|counts| counts.enforced),
            &column(|counts| counts.pending),
            &column(|counts| counts.overdue),
        ],
    )
    .await
    .map(drop)
}
