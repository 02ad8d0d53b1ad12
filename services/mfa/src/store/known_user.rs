//! The table `known_user`: what identity's log says.

use clock::Timestamp;
use store::{Store, StoreError, Unit};
use types::{AuthSource, Login, OrganizationId, Role, UserId};
use wire::{UserFacts, UserState};

use super::UserKey;
use crate::domain::KnownUser;

/// What is known of a user, locked.
///
/// # Errors
/// The database's.
pub(crate) async fn lock(unit: &Unit<'_>, user: UserKey) -> Result<Option<KnownUser>, StoreError> {
    const SQL: &str = "-- known_user::lock
        SELECT version, auth_source FROM known_user WHERE organization_id = $1 AND user_id = $2 FOR UPDATE";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    let Some(row) = row else { return Ok(None) };
    let source: Result<AuthSource, _> = row.try_get::<_, &str>("auth_source")?.parse();
    let auth_source = source.map_err(|_| StoreError::Unreadable { column: "known_user.auth_source" })?;
    Ok(Some(KnownUser { version: row.try_get("version")?, auth_source }))
}

/// The version of what is known of a user; none that is newer is applied before the unit has ended. 0: nothing is known.
///
/// # Errors
/// The database's.
pub(crate) async fn hold(unit: &Unit<'_>, user: UserKey) -> Result<i64, StoreError> {
    const SQL: &str = "-- known_user::hold
        SELECT version FROM known_user WHERE organization_id = $1 AND user_id = $2 FOR SHARE";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("version")?))
}

/// The user of a login, as far as identity's log has told. What holds is identity's to say.
///
/// # Errors
/// The database's.
pub(crate) async fn by_login(store: &Store, login: &Login) -> Result<Option<UserId>, StoreError> {
    const SQL: &str = "-- known_user::by_login
        SELECT user_id FROM known_user WHERE login COLLATE \"C\" = $1 AND state <> 'deleted'
        ORDER BY version DESC LIMIT 1";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let row = reader.query_opt(&statement, &[&login.as_str()]).await?;
    row.map(|row| Ok(UserId::from_uuid(row.try_get("user_id")?))).transpose()
}

/// The provider's administrators, but for one, who have a factor that is not locked until an administrator acts. They are few;
/// what holds of them is identity's to say.
///
/// # Errors
/// The database's.
pub(crate) async fn administrators_with_factor(
    store: &Store,
    provider: OrganizationId,
    but: UserId,
) -> Result<Vec<UserId>, StoreError> {
    const SQL: &str = "-- known_user::administrators_with_factor
        SELECT k.user_id FROM known_user k
        JOIN factor f ON f.organization_id = k.organization_id AND f.user_id = k.user_id
        JOIN user_mfa m ON m.organization_id = k.organization_id AND m.user_id = k.user_id
        WHERE k.organization_id = $1 AND k.user_id <> $2 AND k.role = $3 AND k.state = 'active'
          AND m.exhausted_time IS NULL
        ORDER BY k.user_id";
    let reader = store.read().await?;
    let statement = reader.prepare_cached(SQL).await?;
    let role = Role::ProviderAdmin.as_str();
    let rows = reader.query(&statement, &[&provider.uuid(), &but.uuid(), &role]).await?;
    rows.iter().map(|row| Ok(UserId::from_uuid(row.try_get("user_id")?))).collect()
}

/// Applies facts, if they are newer than what is known.
///
/// # Errors
/// The database's.
pub(crate) async fn apply(unit: &Unit<'_>, facts: &UserFacts) -> Result<(), StoreError> {
    const SQL: &str = "-- known_user::apply
        INSERT INTO known_user AS k (organization_id, user_id, login, role, auth_source, state, version,
            enforce_mfa_applied)
        VALUES ($1, $2, $3, $4, $5, $6, $7, false)
        ON CONFLICT ON CONSTRAINT known_user_pk DO UPDATE SET
            login = EXCLUDED.login, role = EXCLUDED.role, auth_source = EXCLUDED.auth_source,
            state = EXCLUDED.state, version = EXCLUDED.version
        WHERE k.version < EXCLUDED.version";
    let state = match facts.state {
        UserState::Active => "active",
        UserState::Inactive => "disabled",
        UserState::Deleted => "deleted",
    };
    let (organization, id) = (facts.organization_id().uuid(), facts.id.uuid());
    let (login, role, source) = (facts.login.as_str(), facts.role.as_str(), facts.auth_source.as_str());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [&organization, &id, &login, &role, &source, &state, &facts.version];
    unit.execute(SQL, &parameters).await.map(drop)
}

/// Erases the logins of a deleted organisation's users: identity, which erases them too, tells of them all at once. What stands
/// there then is what [`Login::of_deleted`] makes; nothing else changes.
///
/// # Errors
/// The database's.
pub(crate) async fn erase_all_of(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- known_user::erase_all_of
        UPDATE known_user SET login = 'deleted-' || user_id || '@' || $2::text WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid(), &Login::NOBODYS_REALM]).await.map(drop)
}

/// Notes that a session was opened for a user. One who is not known is nobody a figure is kept of.
///
/// # Errors
/// The database's.
pub(crate) async fn signed_in(unit: &Unit<'_>, user: UserKey, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- known_user::signed_in
        UPDATE known_user SET last_sign_in_time = greatest(last_sign_in_time, $3)
        WHERE organization_id = $1 AND user_id = $2";
    unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid(), &at]).await.map(drop)
}

/// Marks that the creator's wish was looked at; whether this was the first time.
///
/// # Errors
/// The database's.
pub(crate) async fn first_sight(unit: &Unit<'_>, user: UserKey) -> Result<bool, StoreError> {
    const SQL: &str = "-- known_user::first_sight
        UPDATE known_user SET enforce_mfa_applied = true
        WHERE organization_id = $1 AND user_id = $2 AND NOT enforce_mfa_applied";
    Ok(unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await? > 0)
}
