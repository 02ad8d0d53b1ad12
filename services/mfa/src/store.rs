//! SQL over mfa's tables and what rows and stored envelopes mean. One statement a function.
//!
//! Knows neither tonic nor the use cases.

pub(crate) mod adoption;
pub(crate) mod answer;
pub(crate) mod attempt;
pub(crate) mod enrollment_calls;
pub(crate) mod events;
pub(crate) mod expiry;
pub(crate) mod factor;
pub(crate) mod known_user;
pub(crate) mod locks;
pub(crate) mod organization;
pub(crate) mod pending;
pub(crate) mod policy;
pub(crate) mod recovery_attempts;
pub(crate) mod recovery_codes;
pub(crate) mod sealed;
pub(crate) mod secret_alarm;
pub(crate) mod situation;
pub(crate) mod status;
pub(crate) mod ticket;
pub(crate) mod user;
pub(crate) mod verification;

use types::{OrganizationId, OrganizationPath, UserId};

pub(crate) use answer::{Answer, HandedOut};

/// The migrations of mfa's own tables; they run after the event log's.
#[must_use]
pub(crate) fn migrations() -> store::MigrationSet {
    store::MigrationSet {
        history_table: "migration_mfa",
        migrations: embedded::migrations::runner().get_migrations().clone(),
        least: 8,
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Whose rows: the leading columns of every user-scoped table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserKey {
    /// The user's organisation.
    pub(crate) organization_id: OrganizationId,
    /// The user.
    pub(crate) user_id: UserId,
}

impl UserKey {
    /// The key of a user of the organisation at `path`.
    pub(crate) fn new(path: &OrganizationPath, user_id: UserId) -> Self {
        Self { organization_id: path.organization_id(), user_id }
    }
}
