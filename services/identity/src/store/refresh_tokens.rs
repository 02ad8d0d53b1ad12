//! Refresh tokens, by their hashes.

use store::{StoreError, Unit};
use tokio_postgres::types::ToSql;
use types::TokenHash;

use crate::domain::Timestamp;
use crate::domain::session::{Session, TokenState};

/// Stores a refresh token as its session's current one.
///
/// # Errors
/// The database's.
pub async fn insert(
    unit: &Unit<'_>,
    session: &Session,
    token: TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- refresh_tokens::insert
        INSERT INTO refresh_token (token_hash, organization_id, session_id, state, create_time)
        VALUES ($1, $2, $3, 'current', $4)";
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&token.0.as_slice(), &session.organization_id.uuid(), &session.id.uuid(), &now];
    unit.execute_one("refresh_tokens::insert", SQL, &parameters).await
}

/// Whether a refresh token was used before, until the unit ends; none when it is not there.
///
/// # Errors
/// The database's.
pub async fn lock(unit: &Unit<'_>, token: TokenHash) -> Result<Option<TokenState>, StoreError> {
    const SQL: &str = "-- refresh_tokens::lock
        SELECT state FROM refresh_token WHERE token_hash = $1 FOR UPDATE";
    let row = unit.query_opt(SQL, &[&token.0.as_slice()]).await?;
    row.map(|row| token_state(row.try_get(0)?)).transpose()
}

/// Spends a locked, current refresh token.
///
/// # Errors
/// The database's.
pub async fn spend(unit: &Unit<'_>, token: TokenHash, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- refresh_tokens::spend
        UPDATE refresh_token SET state = 'spent', spend_time = $2 WHERE token_hash = $1 AND state = 'current'";
    unit.execute_one("refresh_tokens::spend", SQL, &[&token.0.as_slice(), &now]).await
}

/// Reads the form in the database.
pub(super) fn token_state(text: &str) -> Result<TokenState, StoreError> {
    match text {
        "current" => Ok(TokenState::Current),
        "spent" => Ok(TokenState::Spent),
        _ => Err(StoreError::Unreadable { column: "refresh_token.state" }),
    }
}
