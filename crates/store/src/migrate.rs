//! Embedded migrations, run by the database's owner and never by a service.

use refinery::{Migration, Runner};
use tokio_postgres::NoTls;

/// A numbered list of migrations with a history table of its own.
#[derive(Debug)]
pub struct MigrationSet {
    /// The table that remembers what was applied.
    pub history_table: &'static str,
    /// The migrations, as `refinery::embed_migrations!` makes them.
    pub migrations: Vec<Migration>,
}

/// Why migrations were not applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database cannot be reached.
    #[error("cannot connect to migrate: {0}")]
    Connect(#[from] tokio_postgres::Error),
    /// A migration failed, or one that was applied has been changed since.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
}

/// Applies the sets in order, under an advisory lock, so that several deployers may try at once.
///
/// # Errors
/// See [`MigrationError`]. Each migration is applied whole or not at all.
pub async fn migrate(owner_url: &str, sets: Vec<MigrationSet>) -> Result<(), MigrationError> {
    let (mut client, connection) = tokio_postgres::connect(owner_url, NoTls).await?;
    let connection = tokio::spawn(connection);
    // A session lock: it is gone with the connection, whatever happens below.
    client.batch_execute("SELECT pg_advisory_lock(hashtext('countersign.migrate'))").await?;
    for set in sets {
        let mut runner = Runner::new(&set.migrations);
        runner.set_migration_table_name(set.history_table);
        runner.run_async(&mut client).await?;
        // How far the database is, is for every role of the service to see; the name is ours.
        client.batch_execute(&format!("GRANT SELECT ON {} TO PUBLIC", set.history_table)).await?;
    }
    drop(client);
    connection.abort();
    Ok(())
}
