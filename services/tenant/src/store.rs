//! SQL over tenant's tables and what rows and stored envelopes mean. One statement a function.
//!
//! Knows neither tonic nor the use cases. A violated constraint leaves this room under the name of its reason.

mod answer;
mod events;
mod organization;
mod realm;
mod row;
mod violation;

pub(crate) use answer::Answer;
pub(crate) use events::{call_refused, organization_created, organization_updated};
pub(crate) use organization::{
    insert, list_children, load, load_by_realm, load_in_unit, lock, share, update_name,
};

/// The migrations of tenant's own tables; they run after the event log's.
#[must_use]
pub(crate) fn migrations() -> store::MigrationSet {
    store::MigrationSet {
        history_table: "migration_tenant",
        migrations: embedded::migrations::runner().get_migrations().clone(),
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}
