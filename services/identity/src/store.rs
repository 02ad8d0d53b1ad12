//! SQL and row mapping of identity's tables: one statement a function. Also the drafts of identity's events.
//!
//! Must not know tonic or `ops`, and decides nothing.

pub mod answers;
pub mod endings;
pub mod enrollment_bounds;
pub mod events;
pub mod expiry;
pub mod floors;
pub mod invitations;
pub mod kept_answers;
pub mod organizations;
pub mod read;
pub mod refresh_tokens;
pub mod sealed;
pub mod sessions;
pub mod sign_ins;
pub mod signing_keys;
pub mod user_changes;
pub mod users;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// identity's own migrations; the event log's come before them.
#[must_use]
pub fn migrations() -> store::MigrationSet {
    store::MigrationSet {
        history_table: "migration_identity",
        migrations: embedded::migrations::runner().get_migrations().clone(),
        least: 8,
    }
}

/// The reason of a violated constraint, by its name; `None` when it is our defect.
#[must_use]
pub fn reason_of(error: &store::StoreError) -> Option<fault::Reason> {
    match error.constraint()? {
        "user_account_login_key" => Some(fault::Reason::LoginTaken),
        "user_account_external_subject_key" => Some(fault::Reason::ExternalSubjectTaken),
        _ => None,
    }
}
