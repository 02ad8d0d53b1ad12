//! Embedded migrations, run by the database's owner and never by a service.

use refinery::{Migration, Runner};

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

/// Applies the sets in order, under an advisory lock, so that several deployers may try at once.
///
/// # Errors
/// See [`MigrationError`]. Each migration is applied whole or not at all.
pub async fn migrate(owner_url: &str, sets: Vec<MigrationSet>) -> Result<(), MigrationError> {
    let (mut client, connection) = Address::parse(owner_url)?.open().await?;
    // A session lock: it is gone with the connection, whatever happens below.
    client
        .batch_execute("SELECT pg_advisory_lock(hashtext('countersign.migrate'))")
        .await
        .map_err(StoreError::from)?;
    for set in sets {
        let mut runner = Runner::new(&set.migrations);
        runner.set_migration_table_name(set.history_table);
        runner.run_async(&mut client).await?;
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
