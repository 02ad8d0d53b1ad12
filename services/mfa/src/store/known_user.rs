//! The table `known_user`: what identity's log says.

use store::{StoreError, Unit};
use wire::{UserFacts, UserState};

use super::UserKey;

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
