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
pub(crate) use events::{
    call_refused, organization_created, organization_deleted, organization_moved, organization_state_changed,
    organization_updated, realm_added,
};
pub(crate) use organization::{
    all_active, has_children, insert, last_change, list_children, load, load_by_realm, load_in_unit, lock,
    share, update, update_name,
};
pub(crate) use realm::{insert as insert_realm, remove_all as remove_realms};

/// The migrations of tenant's own tables; they run after the event log's.
#[must_use]
pub(crate) fn migrations() -> store::MigrationSet {
    store::MigrationSet {
        history_table: "migration_tenant",
        migrations: embedded::migrations::runner().get_migrations().clone(),
        least: 2,
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}
