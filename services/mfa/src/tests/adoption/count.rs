//! The plain count: every user, every level, one slow statement. Nothing of it is shared with what it checks.

use std::collections::BTreeMap;

use clock::Timestamp;
use proto::mfa::Adoption;
use tokio_postgres::Client;
use types::OrganizationId;

/// Every user who is not deleted, of an organisation that is not, with everything that is demanded of them.
const USERS: &str = "
    WITH demands AS (
        SELECT k.organization_id, k.user_id, min(coalesce(e.enforce_from, e.set_time)) AS since
        FROM known_user k JOIN organization o ON o.organization_id = k.organization_id
        JOIN enforcement e ON e.enforced AND (e.enforce_from IS NULL OR e.enforce_from <= $1) AND (
            (cardinality(o.path) = 1 AND e.target = 'internal_users')
            OR (cardinality(o.path) > 1 AND e.target = 'clients_and_resellers')
            OR e.target = o.path[2]::text OR e.target = o.path[3]::text OR e.target = k.user_id::text)
        GROUP BY 1, 2),
    users AS (
        SELECT o.path, k.user_id, k.login, k.auth_source = 'external' AS external,
               k.state = 'active' AND k.auth_source = 'local' AS local,
               f.user_id IS NOT NULL AS has_factor, d.since,
               m.locked_until > $1 OR m.exhausted_time IS NOT NULL AS locked, a.waiting_since
        FROM known_user k JOIN organization o ON o.organization_id = k.organization_id
        LEFT JOIN factor f ON f.organization_id = k.organization_id AND f.user_id = k.user_id
        LEFT JOIN user_mfa m ON m.organization_id = k.organization_id AND m.user_id = k.user_id
        LEFT JOIN demands d ON d.organization_id = k.organization_id AND d.user_id = k.user_id
        LEFT JOIN adoption_user a ON a.organization_id = k.organization_id AND a.user_id = k.user_id
        WHERE k.state <> 'deleted' AND o.state <> 'deleted')";

/// The figures of every organisation that has users in or below it. What was folded must be all there is: since when
/// users wait for a factor is nowhere else.
pub(super) async fn figures(rows: &Client, now: Timestamp) -> BTreeMap<OrganizationId, Adoption> {
    let sql = format!(
        "{USERS} SELECT id,
            count(*) FILTER (WHERE local AND since IS NOT NULL) AS enforced,
            count(*) FILTER (WHERE local AND has_factor) AS enrolled,
            count(*) FILTER (WHERE local AND since IS NOT NULL AND NOT has_factor) AS pending,
            count(*) FILTER (WHERE local AND NOT has_factor AND since < $1 - interval '720 hours'
                             AND waiting_since < $1 - interval '720 hours') AS overdue,
            count(*) FILTER (WHERE local AND locked) AS locked,
            count(*) FILTER (WHERE external) AS exempt,
            count(*) FILTER (WHERE local) AS local
        FROM users CROSS JOIN LATERAL unnest(path) AS id GROUP BY id"
    );
    let figures = rows.query(&sql, &[&now]).await.unwrap();
    let figure = |row: &tokio_postgres::Row| {
        let adoption = Adoption {
            enforced: row.get("enforced"),
            enrolled: row.get("enrolled"),
            pending: row.get("pending"),
            overdue: row.get("overdue"),
            locked: row.get("locked"),
            exempt: row.get("exempt"),
            local: row.get("local"),
        };
        (OrganizationId::from_uuid(row.get("id")), adoption)
    };
    figures.iter().map(figure).collect()
}

/// What enforcing would do to the users who satisfy `condition`: the logins of who would have to enrol, in their order,
/// and how many would not notice.
pub(super) async fn preview(rows: &Client, now: Timestamp, condition: &str) -> (Vec<String>, i64) {
    let sql = format!(
        "{USERS} SELECT login, local AND since IS NULL AND NOT has_factor AS would_enroll
        FROM users WHERE (local OR external) AND {condition} ORDER BY login COLLATE \"C\""
    );
    let rows = rows.query(&sql, &[&now]).await.unwrap();
    let would_enroll: Vec<String> =
        rows.iter().filter(|row| row.get("would_enroll")).map(|row| row.get("login")).collect();
    let unaffected = i64::try_from(rows.len() - would_enroll.len()).unwrap();
    (would_enroll, unaffected)
}
