//! Sign-ins under way.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::{OrganizationId, SignInId, TokenHash, UserId};
use wire::Client;

use super::read::{self, organization_columns};
use super::users::{self, user_columns};
use crate::domain::evaluation::Basis;
use crate::domain::organization::Organization;
use crate::domain::sign_in::{NextStep, SignIn, SignInState};
use crate::domain::user::User;

macro_rules! sign_in_columns {
    () => {
        "s.organization_id, s.sign_in_id, s.user_id, s.next_step, s.state, s.generation, \
         s.policy_version::text AS policy_version, s.user_version, s.wrong_codes, s.create_time, s.expire_time, \
         s.client_address, s.client_user_agent"
    };
}

fn sign_in(row: &Row) -> Result<SignIn, StoreError> {
    let address: &str = row.try_get("client_address")?;
    let state = SignInState::parse(row.try_get("state")?);
    let next_step = NextStep::parse(row.try_get("next_step")?);
    Ok(SignIn {
        organization_id: OrganizationId::from_uuid(row.try_get("organization_id")?),
        id: SignInId::from_uuid(row.try_get("sign_in_id")?),
        user_id: UserId::from_uuid(row.try_get("user_id")?),
        next_step: next_step.ok_or(StoreError::Unreadable { column: "sign_in.next_step" })?,
        state: state.ok_or(StoreError::Unreadable { column: "sign_in.state" })?,
        basis: Basis {
            generation: row.try_get("generation")?,
            policy_version: read::policy_version("sign_in.policy_version", row.try_get("policy_version")?)?,
        },
        user_version: row.try_get("user_version")?,
        wrong_codes: row.try_get("wrong_codes")?,
        create_time: row.try_get("create_time")?,
        expire_time: row.try_get("expire_time")?,
        client: Client {
            address: (!address.is_empty())
                .then(|| read::word("sign_in.client_address", address))
                .transpose()?,
            user_agent: row.try_get("client_user_agent")?,
        },
    })
}

/// Stores a new sign-in under the hash of its token.
///
/// # Errors
/// The database's.
pub async fn insert(unit: &Unit<'_>, sign_in: &SignIn, token: TokenHash) -> Result<(), StoreError> {
    const SQL: &str = "-- sign_ins::insert
        INSERT INTO sign_in (organization_id, sign_in_id, user_id, token_hash, next_step, state, generation,
            policy_version, user_version, wrong_codes, create_time, expire_time, client_address, client_user_agent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13, $14)";
    let address = sign_in.client.address.map(|address| address.to_string()).unwrap_or_default();
    let policy = read::policy_version_json(&sign_in.basis.policy_version)?;
    let parameters: [&(dyn ToSql + Sync); 14] = [
        &sign_in.organization_id.uuid(),
        &sign_in.id.uuid(),
        &sign_in.user_id.uuid(),
        &token.0.as_slice(),
        &sign_in.next_step.as_str(),
        &sign_in.state.as_str(),
        &sign_in.basis.generation,
        &policy,
        &sign_in.user_version,
        &sign_in.wrong_codes,
        &sign_in.create_time,
        &sign_in.expire_time,
        &address,
        &sign_in.client.user_agent,
    ];
    unit.execute_one("sign_ins::insert", SQL, &parameters).await
}

/// A sign-in by its token, with the user and the organisation as they are now.
///
/// # Errors
/// The database's.
pub async fn find_by_token(
    store: &Store,
    token: TokenHash,
) -> Result<Option<(SignIn, User, Organization)>, StoreError> {
    const SQL: &str = concat!(
        "-- sign_ins::find_by_token\n",
        "SELECT ",
        sign_in_columns!(),
        ", ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM sign_in s
        JOIN user_account u ON u.organization_id = s.organization_id AND u.user_id = s.user_id
        JOIN organization o ON o.organization_id = s.organization_id
        WHERE s.token_hash = $1"
    );
    let Some(row) = read::row(store, SQL, &[&token.0.as_slice()]).await? else { return Ok(None) };
    let Some(organization) = read::organization(&row)? else { return Ok(None) };
    Ok(Some((sign_in(&row)?, users::user(&row)?.user, organization)))
}

/// A sign-in as it is now, until the unit ends. Lock organisation and user before.
///
/// # Errors
/// The database's.
pub async fn lock(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SignInId,
) -> Result<Option<SignIn>, StoreError> {
    const SQL: &str = concat!(
        "-- sign_ins::lock\n",
        "SELECT ",
        sign_in_columns!(),
        " FROM sign_in s
        WHERE s.organization_id = $1 AND s.sign_in_id = $2 FOR UPDATE"
    );
    let row = unit.query_opt(SQL, &[&organization.uuid(), &id.uuid()]).await?;
    row.as_ref().map(sign_in).transpose()
}

/// Sets state and wrong codes of a locked sign-in.
///
/// # Errors
/// The database's.
pub async fn update(
    unit: &Unit<'_>,
    sign_in: &SignIn,
    state: SignInState,
    wrong_codes: i32,
) -> Result<(), StoreError> {
    const SQL: &str = "-- sign_ins::update
        UPDATE sign_in SET state = $3, wrong_codes = $4 WHERE organization_id = $1 AND sign_in_id = $2";
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&sign_in.organization_id.uuid(), &sign_in.id.uuid(), &state.as_str(), &wrong_codes];
    unit.execute_one("sign_ins::update", SQL, &parameters).await
}

/// Ends a user's open sign-ins whose generation is below one; how many. `except` lives on: it made the new generation.
///
/// # Errors
/// The database's.
pub async fn end_below(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
    generation: i64,
    except: Option<SignInId>,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- sign_ins::end_below
        UPDATE sign_in SET state = 'dead'
        WHERE organization_id = $1 AND user_id = $2 AND state = 'open' AND generation < $3
            AND sign_in_id IS DISTINCT FROM $4";
    let except = except.map(SignInId::uuid);
    unit.execute(SQL, &[&organization.uuid(), &user.uuid(), &generation, &except]).await
}
