//! Changing users. Lock organisation and user before (`users::lock`).

use store::{StoreError, Unit};
use tokio_postgres::types::ToSql;
use types::{EventId, OrganizationId, UserId};

use super::read;
use crate::domain::Timestamp;
use crate::domain::external::ExternalSubject;
use crate::domain::password::StoredHash;
use crate::domain::user::UserRecord;

/// Writes everything that can change of a locked user.
///
/// # Errors
/// The database's; a taken subject violates `user_account_external_subject_key`.
pub async fn update(unit: &Unit<'_>, record: &UserRecord) -> Result<(), StoreError> {
    const SQL: &str = "-- user_changes::update
        UPDATE user_account SET login = $3, display_name = $4, email = $5, role = $6, auth_source = $7, state = $8,
            password_hash = $9, external_subject = $10, authority_event_id = $11, version = $12, revision = $13,
            update_time = $14, must_change_password = $15
        WHERE organization_id = $1 AND user_id = $2 AND state <> 'deleted'";
    let user = &record.user;
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &user.organization_id.uuid(),
        &user.id.uuid(),
        &user.login.as_str(),
        &user.display_name.as_str(),
        &user.email.as_str(),
        &user.role.as_str(),
        &user.auth_source.as_str(),
        &read::user_state(user.state),
        &record.password_hash.as_ref().map(StoredHash::expose),
        &record.external_subject.as_ref().map(ExternalSubject::as_str),
        &record.authority_event.map(EventId::uuid),
        &user.version,
        &user.revision,
        &user.update_time,
        &user.must_change_password,
    ];
    unit.execute_one("user_changes::update", SQL, &parameters).await
}

/// Asks the user, where they are and have a password, to replace it at the next full sign-in; false when it is asked
/// already, or there is nothing to ask. No session depends on it, so neither version nor etag rise.
///
/// # Errors
/// The database's.
pub async fn require_password_change(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- user_changes::require_password_change
        UPDATE user_account SET must_change_password = true
        WHERE organization_id = $1 AND user_id = $2 AND password_hash IS NOT NULL AND NOT must_change_password";
    Ok(unit.execute(SQL, &[&organization.uuid(), &user.uuid()]).await? == 1)
}

/// Whether the provider has another administrator who can sign in with a password. Until the unit ends nobody else asks:
/// two administrators who disable each other at the same time do not both succeed.
///
/// # Errors
/// The database's.
pub async fn has_other_keeper(
    unit: &Unit<'_>,
    provider: OrganizationId,
    except: UserId,
) -> Result<bool, StoreError> {
    const LOCK: &str = "-- user_changes::has_other_keeper (lock)
        SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.last_administrator', 0))";
    const SQL: &str = "-- user_changes::has_other_keeper
        SELECT 1 FROM user_account
        WHERE organization_id = $1 AND user_id <> $2 AND role = 'provider_admin' AND state = 'active'
            AND auth_source = 'local' AND password_hash IS NOT NULL
        LIMIT 1";
    unit.query(LOCK, &[]).await?;
    Ok(unit.query_opt(SQL, &[&provider.uuid(), &except.uuid()]).await?.is_some())
}

/// Deletes the users of a deleted organisation and erases what tells who they were; how many. The login becomes what
/// `Login::of_deleted` makes. Lock the organisation before.
///
/// # Errors
/// The database's.
pub async fn delete_all(
    unit: &Unit<'_>,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- user_changes::delete_all
        UPDATE user_account SET login = 'deleted-' || user_id || '@' || $2::text, display_name = '', email = '',
            state = 'deleted', password_hash = NULL, must_change_password = false, external_subject = NULL,
            version = version + 1,
            revision = revision + 1, update_time = $3
        WHERE organization_id = $1 AND state <> 'deleted'";
    unit.execute(SQL, &[&organization.uuid(), &types::Login::NOBODYS_REALM, &now]).await
}
