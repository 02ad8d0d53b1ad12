//! The re-baseline: how a log goes on after its database was restored.
//!
//! Transaction ids of the old system mean nothing on the new one, so the saved snapshot is worthless. Instead every
//! event without a position gets one, while no writer is open, and a new epoch begins: cursors of the old one are
//! refused, because positions that readers saw may have been lost with the restore.

use store::{Address, StoreError};
use tokio_postgres::Client;

use super::place::{BEGIN_AND_LOCK, place_missing};

/// Why a log was not re-baselined. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[error("the log was not re-baselined: {0}")]
pub struct RebaselineError(#[from] StoreError);

impl From<tokio_postgres::Error> for RebaselineError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(error.into())
    }
}

/// What a re-baseline did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebaselined {
    /// The epoch that began.
    pub epoch: i32,
    /// How many events got a position by it.
    pub events: i64,
}

/// Begins a new epoch. An operator's act, as the database's owner, after a restore; it waits for open writers to end and
/// keeps new ones waiting. A sequencer that stopped goes on by itself afterwards.
///
/// # Errors
/// See [`RebaselineError`].
pub async fn rebaseline(owner_database_url: &str) -> Result<Rebaselined, RebaselineError> {
    let (client, connection) = Address::parse(owner_database_url)?.open().await?;
    let outcome = begin_epoch(&client).await;
    drop(client);
    connection.abort();
    outcome
}

async fn begin_epoch(client: &Client) -> Result<Rebaselined, RebaselineError> {
    const EPOCH: &str = "\
-- begin_epoch
INSERT INTO log_epoch (epoch, system_identifier, after_position)
SELECT 1 + (SELECT max(epoch) FROM log_epoch), system_identifier, (SELECT position FROM log_head)
FROM pg_control_system()
RETURNING epoch";
    client.batch_execute(BEGIN_AND_LOCK).await?;
    let epoch: i32 = client.query_one(EPOCH, &[]).await?.try_get(0)?;
    // Waits for every open writer, and holds off new ones: from here on no event of an older epoch appears.
    client.batch_execute(&format!("ALTER TABLE event ALTER COLUMN epoch SET DEFAULT {epoch}")).await?;
    let events: i64 = client.query_one(&place_missing(), &[]).await?.try_get(1)?;
    client.batch_execute("COMMIT").await?;
    tracing::warn!(epoch, events, "the log was re-baselined");
    Ok(Rebaselined { epoch, events })
}
