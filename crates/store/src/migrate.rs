//! Embedded migrations, run by the database's owner and never by a service.

use std::time::Duration;

use refinery::{Migration, Runner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::{Address, StoreError};

/// A numbered list of migrations with a history table of its own.
#[derive(Debug)]
pub struct MigrationSet {
    /// The table that remembers what was applied.
    pub history_table: &'static str,
    /// The migrations, as `refinery::embed_migrations!` makes them.
    pub migrations: Vec<Migration>,
    /// The level from which on this program serves: the newest of the release before, as a roll-out may replace programs before it
    /// migrates, and a roll-back the other way round.
    pub least: i32,
}

/// Why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database cannot be reached.
    #[error("cannot connect to migrate: {0}")]
    Connect(#[from] StoreError),
    /// A migration failed, or one that was applied has been changed since.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
}

/// How long a migration waits for a table that others use before it lets them pass and tries again.
const PATIENCE: &str = "SET lock_timeout = '2s'";
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(3);

/// Applies the sets in order, under an advisory lock, so that several deployers may try at once.
///
/// # Errors
/// See [`MigrationError`]. Each migration is applied whole or not at all. A table that others hold - a backup of it, say - is waited
/// for during some minutes, two seconds at a time, so that those who come meanwhile are not held up.
pub async fn migrate(owner_url: &str, sets: Vec<MigrationSet>) -> Result<(), MigrationError> {
    let (mut client, connection) = Address::parse(owner_url)?.open().await?;
    // A session lock: it is gone with the connection, whatever happens below.
    client
        .batch_execute("SELECT pg_advisory_lock(hashtext('countersign.migrate'))")
        .await
        .map_err(StoreError::from)?;
    // From here on: whoever waits for a table's lock holds up everybody who comes after.
    client.batch_execute(PATIENCE).await.map_err(StoreError::from)?;
    for set in sets {
        apply(&mut client, &set).await?;
        // How far the database is, is for every role of the service to see; the name is ours.
        client
            .batch_execute(&format!("GRANT SELECT ON {} TO PUBLIC", set.history_table))
            .await
            .map_err(StoreError::from)?;
    }
    drop(client);
    connection.abort();
    Ok(())
}

async fn apply(client: &mut Client, set: &MigrationSet) -> Result<(), MigrationError> {
    let mut runner = Runner::new(&set.migrations);
    runner.set_migration_table_name(set.history_table);
    for attempt in 1.. {
        match runner.run_async(client).await {
            Ok(_) => break,
            Err(error) if attempt < ATTEMPTS && is_locked_out(&error) => {
                tracing::warn!(%error, attempt, "a table is in use; the migration is tried again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_locked_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| error.source());
    errors.any(|error| {
        let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
        code == Some(&SqlState::LOCK_NOT_AVAILABLE)
    })
}
