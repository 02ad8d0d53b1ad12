//! Lists of organisations and users with where they stand. Every level is looked up for the lines of the page: what is
//! listed is what holds at this moment.

use clock::Timestamp;
use store::{Store, StoreError};
use tokio_postgres::Row;
use types::{OrganizationId, UserId};
use uuid::Uuid;

use super::adoption::{root, within};
use crate::domain::{Branch, Demands, ListPlace, Listed, ListedKind, MfaStatus, Own, Target};

/// The levels of an organisation `o`, and whether each demands MFA at `$2`.
const LEVELS: &str = "
    LEFT JOIN enforcement p ON p.organization_id = o.path[1] AND p.target =
        CASE cardinality(o.path) WHEN 1 THEN 'internal_users' ELSE 'clients_and_resellers' END
    LEFT JOIN enforcement r ON r.organization_id = o.path[2] AND r.target = o.path[2]::text
    LEFT JOIN enforcement c ON c.organization_id = o.path[3] AND c.target = o.path[3]::text
    CROSS JOIN LATERAL (SELECT
        coalesce(p.enforced AND coalesce(p.enforce_from <= $2, true), false) AS provider,
        coalesce(r.enforced AND coalesce(r.enforce_from <= $2, true), false) AS reseller,
        coalesce(c.enforced AND coalesce(c.enforce_from <= $2, true), false) AS company) d";

/// Which lines to show.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    /// Where.
    pub(crate) branch: Branch,
    /// None: all.
    pub(crate) status: Option<MfaStatus>,
    /// Only what comes after.
    pub(crate) after: ListPlace,
    /// How many at most.
    pub(crate) limit: usize,
}

impl Lines {
    fn limit(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX)
    }
}

/// Organisations of one kind within a branch, without its root, by name.
///
/// # Errors
/// The database's.
pub(crate) async fn organizations(
    store: &Store,
    kind: ListedKind,
    lines: &Lines,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let status = match lines.status {
        None => "",
        Some(MfaStatus::Enforced) => "AND (d.provider OR d.reseller OR d.company)",
        Some(MfaStatus::NotEnforced) => "AND NOT (d.provider OR d.reseller OR d.company)",
        Some(MfaStatus::NotConfigured) => NOT_CONFIGURED,
    };
    let (depth, below, own) = match kind {
        ListedKind::Reseller => (2, "b.path[2] = o.organization_id", "r"),
        ListedKind::Company | ListedKind::User => (3, "b.organization_id = o.organization_id", "c"),
    };
    let sql = format!(
        "-- status::organizations
        SELECT o.organization_id, o.name, lower(o.name) AS key, {own}.enforced AS own_enforced,
               d.provider, d.reseller, d.company
        FROM organization o {LEVELS}
        WHERE {within} AND o.organization_id IS DISTINCT FROM $1 AND cardinality(o.path) = {depth}
          AND o.state <> 'deleted' AND (lower(o.name) COLLATE \"C\", o.organization_id) > ($3, $4) {status}
        ORDER BY lower(o.name) COLLATE \"C\", o.organization_id LIMIT $5",
        within = within(lines.branch),
        status = status.replace("{below}", below),
    );
    let (root, limit) = (root(lines.branch), lines.limit());
    let reader = store.read().await?;
    let statement = reader.prepare_cached(&sql).await?;
    let rows = reader.query(&statement, &[&root, &now, &lines.after.key, &lines.after.id, &limit]).await?;
    rows.iter()
        .map(|row| {
            let uuid: Uuid = row.try_get("organization_id")?;
            let id = OrganizationId::from_uuid(uuid);
            let target = match kind {
                ListedKind::Reseller => Target::Reseller(id),
                ListedKind::Company | ListedKind::User => Target::Company(id),
            };
            let place = ListPlace { key: row.try_get("key")?, id: uuid };
            let demands = demands(row)?;
            let name = row.try_get("name")?;
            Ok(Listed { target, name, place, own: own_value(row)?, demands, factor: None, exempt: false })
        })
        .collect()
}

/// Somebody in or below the organisation of whom MFA is demanded has no factor.
const NOT_CONFIGURED: &str = "AND EXISTS (
    SELECT FROM organization b JOIN known_user k ON k.organization_id = b.organization_id
    LEFT JOIN enforcement bc ON bc.organization_id = b.path[3] AND bc.target = b.path[3]::text
    LEFT JOIN enforcement u ON u.organization_id = k.organization_id AND u.target = k.user_id::text
    WHERE {below} AND b.state <> 'deleted' AND k.state = 'active' AND k.auth_source = 'local'
      AND NOT EXISTS (SELECT FROM factor f WHERE f.organization_id = k.organization_id AND f.user_id = k.user_id)
      AND (d.provider OR d.reseller OR d.company
           OR coalesce(bc.enforced AND coalesce(bc.enforce_from <= $2, true), false)
           OR coalesce(u.enforced AND coalesce(u.enforce_from <= $2, true), false)))";

/// The users of a branch, by login.
///
/// # Errors
/// The database's.
pub(crate) async fn users(store: &Store, lines: &Lines, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
    const ENFORCED: &str =
        "(k.auth_source = 'local' AND (d.provider OR d.reseller OR d.company OR s.demands))";
    let status = match lines.status {
        None => String::new(),
        Some(MfaStatus::Enforced) => format!("AND {ENFORCED}"),
        Some(MfaStatus::NotEnforced) => format!("AND NOT {ENFORCED}"),
        Some(MfaStatus::NotConfigured) => "AND f.user_id IS NULL".to_owned(),
    };
    let sql = format!(
        "-- status::users
        SELECT k.user_id, k.login, k.auth_source = 'external' AS exempt, u.enforced AS own_enforced,
               d.provider, d.reseller, d.company, s.demands, f.user_id IS NOT NULL AS has_factor,
               EXISTS (SELECT FROM pending_enrollment e LEFT JOIN user_mfa m USING (organization_id, user_id)
                       WHERE e.organization_id = k.organization_id AND e.user_id = k.user_id
                         AND e.expire_time > $2 AND e.generation = coalesce(m.generation, 0)) AS has_pending
        FROM known_user k JOIN organization o ON o.organization_id = k.organization_id {LEVELS}
        LEFT JOIN enforcement u ON u.organization_id = k.organization_id AND u.target = k.user_id::text
        LEFT JOIN factor f ON f.organization_id = k.organization_id AND f.user_id = k.user_id
        CROSS JOIN LATERAL (SELECT
            coalesce(u.enforced AND coalesce(u.enforce_from <= $2, true), false) AS demands) s
        WHERE {within} AND o.state <> 'deleted' AND k.state <> 'deleted'
          AND k.login COLLATE \"C\" > $3 {status}
        ORDER BY k.login COLLATE \"C\" LIMIT $4",
        within = within(lines.branch),
    );
    let (root, limit) = (root(lines.branch), lines.limit());
    let reader = store.read().await?;
    let statement = reader.prepare_cached(&sql).await?;
    let rows = reader.query(&statement, &[&root, &now, &lines.after.key, &limit]).await?;
    rows.iter()
        .map(|row| {
            let login: String = row.try_get("login")?;
            Ok(Listed {
                target: Target::User(UserId::from_uuid(row.try_get("user_id")?)),
                place: ListPlace { key: login.clone(), id: Uuid::nil() },
                name: login,
                own: own_value(row)?,
                demands: Demands { user: row.try_get("demands")?, ..demands(row)? },
                factor: Some((row.try_get("has_factor")?, row.try_get("has_pending")?)),
                exempt: row.try_get("exempt")?,
            })
        })
        .collect()
}

fn demands(row: &Row) -> Result<Demands, StoreError> {
    Ok(Demands {
        provider: row.try_get("provider")?,
        reseller: row.try_get("reseller")?,
        company: row.try_get("company")?,
        user: false,
    })
}

fn own_value(row: &Row) -> Result<Own, StoreError> {
    Ok(match row.try_get::<_, Option<bool>>("own_enforced")? {
        None => Own::Unset,
        Some(true) => Own::Enforced,
        Some(false) => Own::Disabled,
    })
}
