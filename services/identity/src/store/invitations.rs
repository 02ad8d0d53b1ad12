//! Invitations to set a first password.

use store::{Store, StoreError, Unit};
use tokio_postgres::types::ToSql;
use types::{OrganizationId, TokenHash, UserId};

use super::read::{self, organization_columns};
use super::users::{self, user_columns};
use crate::domain::Timestamp;
use crate::domain::organization::Organization;
use crate::domain::user::{User, UserRecord};

/// Stores a locked user's invitation; an earlier one is dead.
///
/// # Errors
/// The database's.
pub async fn put(
    unit: &Unit<'_>,
    user: &User,
    token: TokenHash,
    now: Timestamp,
    expire_time: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- invitations::put
        INSERT INTO invitation (organization_id, user_id, token_hash, create_time, expire_time)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT invitation_pkey DO UPDATE
        SET token_hash = EXCLUDED.token_hash, create_time = EXCLUDED.create_time, expire_time = EXCLUDED.expire_time";
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&user.organization_id.uuid(), &user.id.uuid(), &token.0.as_slice(), &now, &expire_time];
    unit.execute_one("invitations::put", SQL, &parameters).await
}

/// Who is invited by an invitation that has not expired.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    token: TokenHash,
    now: Timestamp,
) -> Result<Option<(UserRecord, Option<Organization>)>, StoreError> {
    const SQL: &str = concat!(
        "-- invitations::find\n",
        "SELECT ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM invitation i
        JOIN user_account u ON u.organization_id = i.organization_id AND u.user_id = i.user_id
        LEFT JOIN organization o ON o.organization_id = i.organization_id
        WHERE i.token_hash = $1 AND i.expire_time > $2"
    );
    let Some(row) = read::row(store, SQL, &[&token.0.as_slice(), &now]).await? else { return Ok(None) };
    Ok(Some((users::user(&row)?, read::organization(&row)?)))
}

/// Spends a locked user's invitation; whether it was still this one, and had not expired.
///
/// # Errors
/// The database's.
pub async fn spend(
    unit: &Unit<'_>,
    user: &User,
    token: TokenHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- invitations::spend
        DELETE FROM invitation
        WHERE organization_id = $1 AND user_id = $2 AND token_hash = $3 AND expire_time > $4";
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&user.organization_id.uuid(), &user.id.uuid(), &token.0.as_slice(), &now];
    Ok(unit.execute(SQL, &parameters).await? == 1)
}

/// Removes a locked user's invitation, if there is one.
///
/// # Errors
/// The database's.
pub async fn remove(unit: &Unit<'_>, organization: OrganizationId, user: UserId) -> Result<(), StoreError> {
    const SQL: &str = "-- invitations::remove
        DELETE FROM invitation WHERE organization_id = $1 AND user_id = $2";
    unit.execute(SQL, &[&organization.uuid(), &user.uuid()]).await.map(drop)
}

/// Removes the invitations of an organisation.
///
/// # Errors
/// The database's.
pub async fn remove_all(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- invitations::remove_all
        DELETE FROM invitation WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}
