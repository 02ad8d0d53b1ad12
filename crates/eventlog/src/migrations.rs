//! The log's tables and grants.

use store::MigrationSet;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The log's own migrations. They run before the service's, as the database's owner, whose role is named
/// `<service>_owner`; the roles `<service>` and `<service>_sequencer` must exist.
#[must_use]
pub fn migrations() -> MigrationSet {
    MigrationSet {
        history_table: "migration_eventlog",
        migrations: embedded::migrations::runner().get_migrations().clone(),
        least: 3,
    }
}
