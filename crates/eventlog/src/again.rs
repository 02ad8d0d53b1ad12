//! Following a log again from its beginning: what is left to do for those who follow a log that was re-baselined.

use store::{Address, StoreError};
use tokio_postgres::Client;
use types::ServiceName;

/// Why a log is not followed again. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum FollowAgainError {
    /// This service's database knows no place in that log: it does not follow it.
    #[error("this service does not follow the log of {0}")]
    NotFollowed(ServiceName),
    /// The database's word.
    #[error("the log is not followed again: {0}")]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for FollowAgainError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Forgets this service's place in a followed log, so that it reads all of it again; the position it stood at. An operator's
/// act, as the owner of the follower's database, once that log was re-baselined. A follower that is lost goes on by itself
/// within a minute.
///
/// Facts carry versions, and what is no newer than what is known changes nothing. Until it has caught up, changes of
/// authority of that log's service are not acknowledged.
///
/// # Errors
/// See [`FollowAgainError`].
pub async fn follow_again(owner_database_url: &str, log: ServiceName) -> Result<i64, FollowAgainError> {
    let (client, connection) = Address::parse(owner_database_url)?.open().await?;
    let outcome = forget_place(&client, log).await;
    drop(client);
    connection.abort();
    outcome
}

async fn forget_place(client: &Client, log: ServiceName) -> Result<i64, FollowAgainError> {
    const SQL: &str = "\
-- follow::forget_place
UPDATE log_cursor SET position = 0, cursor = '' FROM (SELECT position AS stood_at FROM log_cursor WHERE log = $1 FOR UPDATE) AS was
WHERE log = $1 RETURNING stood_at";
    let row = client.query_opt(SQL, &[&log.as_str()]).await?;
    let stood_at: i64 = row.ok_or(FollowAgainError::NotFollowed(log))?.try_get(0)?;
    tracing::warn!(%log, stood_at, "the log is followed again from its beginning");
    Ok(stood_at)
}
