//! Sign-ins under way.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::{AuthSource, OrganizationId, SignInId, TokenHash, UserId};
use wire::Client;

use super::read::{self, organization_columns};
use super::users::{self, user_columns};
use crate::domain::Timestamp;
use crate::domain::evaluation::{Basis, Proved};
use crate::domain::organization::Organization;
use crate::domain::session::Methods;
use crate::domain::sign_in::{NextStep, SignIn, SignInState};
use crate::domain::user::User;

macro_rules! sign_in_columns {
    () => {
        "s.organization_id, s.sign_in_id, s.user_id, s.next_step, s.state, s.generation, \
         s.policy_version::text AS policy_version, s.user_version, s.wrong_codes, s.create_time, s.expire_time, \
         s.client_address, s.client_user_agent, s.amr, s.mfa_time"
    };
}

fn sign_in(row: &Row) -> Result<SignIn, StoreError> {
    let methods = |amr: Vec<String>| {
        Methods::read(AuthSource::Local, &amr).ok_or(StoreError::Unreadable { column: "sign_in.amr" })
    };
    let methods = row.try_get::<_, Option<Vec<String>>>("amr")?.map(methods).transpose()?;
    let mfa_time = row.try_get("mfa_time")?;
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
        proved: methods.map(|methods| Proved { methods, mfa_time }),
    })
}

/// Stores a new sign-in under the hash of its token.
///
/// # Errors
/// The database's.
pub async fn insert(unit: &Unit<'_>, sign_in: &SignIn, token: TokenHash) -> Result<(), StoreError> {
    const SQL: &str = "-- sign_ins::insert
        INSERT INTO sign_in (organization_id, sign_in_id, user_id, token_hash, next_step, state, generation,
            policy_version, user_version, wrong_codes, create_time, expire_time, client_address, client_user_agent,
            amr, mfa_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13, $14, $15, $16)";
    let address = sign_in.client.address.map(|address| address.to_string()).unwrap_or_default();
    let policy = read::policy_version_json(&sign_in.basis.policy_version)?;
    let (amr, mfa_time) = proved(sign_in);
    let parameters: [&(dyn ToSql + Sync); 16] = [
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
        &amr,
        &mfa_time,
    ];
    unit.execute_one("sign_ins::insert", SQL, &parameters).await
}

fn proved(sign_in: &SignIn) -> (Option<Vec<String>>, Option<Timestamp>) {
    let proved = sign_in.proved.as_ref();
    (proved.map(|proved| proved.methods.amr()), proved.and_then(|proved| proved.mfa_time))
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

/// Writes that a locked, open sign-in waits for a new password, and what it has proved.
///
/// # Errors
/// The database's.
pub async fn await_password(unit: &Unit<'_>, sign_in: &SignIn) -> Result<(), StoreError> {
    const SQL: &str = "-- sign_ins::await_password
        UPDATE sign_in SET next_step = $3, generation = $4, policy_version = $5::text::jsonb, amr = $6, mfa_time = $7
        WHERE organization_id = $1 AND sign_in_id = $2 AND state = 'open'";
    let policy = read::policy_version_json(&sign_in.basis.policy_version)?;
    let (amr, mfa_time) = proved(sign_in);
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &sign_in.organization_id.uuid(),
        &sign_in.id.uuid(),
        &sign_in.next_step.as_str(),
        &sign_in.basis.generation,
        &policy,
        &amr,
        &mfa_time,
    ];
    unit.execute_one("sign_ins::await_password", SQL, &parameters).await
}

/// Counts one more refusal that costs the sign-in nothing, unless `limit` were recorded; whether this one may be recorded, too.
///
/// # Errors
/// The database's.
pub async fn count_further_refusal(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SignInId,
    limit: i32,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- sign_ins::count_further_refusal
        UPDATE sign_in SET further_refusals = further_refusals + 1
        WHERE organization_id = $1 AND sign_in_id = $2 AND further_refusals < $3";
    Ok(unit.execute(SQL, &[&organization.uuid(), &id.uuid(), &limit]).await? == 1)
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
