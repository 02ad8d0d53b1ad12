//! The table `enrollment_ticket`.

use clock::Timestamp;
use store::{StoreError, Unit};
use types::{OrganizationId, TokenHash};

use super::UserKey;
use crate::domain::{EnrollmentBinding, Ticket};

/// The ticket of this user that is known by a hash.
///
/// # Errors
/// The database's.
pub(crate) async fn find(
    unit: &Unit<'_>,
    user: UserKey,
    ticket: TokenHash,
) -> Result<Option<Ticket>, StoreError> {
    const SQL: &str = "-- ticket::find
        SELECT ticket_hash, expire_time, bound_to, bound_until, spent_time
        FROM enrollment_ticket WHERE organization_id = $1 AND user_id = $2 AND ticket_hash = $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let Some(row) = unit.query_opt(SQL, &[&organization, &id, &ticket.0.as_slice()]).await? else {
        return Ok(None);
    };
    let bound_to: Option<String> = row.try_get("bound_to")?;
    let bound_until: Option<Timestamp> = row.try_get("bound_until")?;
    Ok(Some(Ticket {
        hash: hash("enrollment_ticket.ticket_hash", row.try_get("ticket_hash")?)?,
        expire_time: row.try_get("expire_time")?,
        bound: bound_to.zip(bound_until),
        spent: row.try_get::<_, Option<Timestamp>>("spent_time")?.is_some(),
    }))
}

/// Issues a ticket.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    unit: &Unit<'_>,
    user: UserKey,
    ticket: TokenHash,
    issue_time: Timestamp,
    expire_time: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- ticket::insert
        INSERT INTO enrollment_ticket (organization_id, user_id, ticket_hash, issue_time, expire_time)
        VALUES ($1, $2, $3, $4, $5)";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&organization, &id, &ticket.0.as_slice(), &issue_time, &expire_time];
    unit.execute_one("ticket::insert", SQL, &parameters).await
}

/// Binds a ticket to the sign-in or session that uses it, until its enrolment dies.
///
/// # Errors
/// The database's.
pub(crate) async fn bind(
    unit: &Unit<'_>,
    user: UserKey,
    ticket: TokenHash,
    binding: EnrollmentBinding,
    until: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- ticket::bind
        UPDATE enrollment_ticket SET bound_to = $4, bound_until = $5
        WHERE organization_id = $1 AND user_id = $2 AND ticket_hash = $3";
    let (organization, id, binding) = (user.organization_id.uuid(), user.user_id.uuid(), binding.key());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&organization, &id, &ticket.0.as_slice(), &binding, &until];
    unit.execute_one("ticket::bind", SQL, &parameters).await
}

/// Spends a ticket; it must be unspent.
///
/// # Errors
/// The database's.
pub(crate) async fn spend(
    unit: &Unit<'_>,
    user: UserKey,
    ticket: TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- ticket::spend
        UPDATE enrollment_ticket SET spent_time = $4
        WHERE organization_id = $1 AND user_id = $2 AND ticket_hash = $3 AND spent_time IS NULL";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    unit.execute_one("ticket::spend", SQL, &[&organization, &id, &ticket.0.as_slice(), &now]).await
}

/// Destroys every unspent ticket of a user: it has served or must not serve any more.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_unspent(unit: &Unit<'_>, user: UserKey) -> Result<(), StoreError> {
    const SQL: &str = "-- ticket::delete_unspent
        DELETE FROM enrollment_ticket WHERE organization_id = $1 AND user_id = $2 AND spent_time IS NULL";
    unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await.map(drop)
}

/// Destroys every unspent ticket of every user of an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_unspent_of(
    unit: &Unit<'_>,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    const SQL: &str = "-- ticket::delete_unspent_of
        DELETE FROM enrollment_ticket WHERE organization_id = $1 AND spent_time IS NULL";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

/// A hash as a row holds it.
pub(super) fn hash(column: &'static str, bytes: &[u8]) -> Result<TokenHash, StoreError> {
    bytes.try_into().map(TokenHash).map_err(|_| StoreError::Unreadable { column })
}
