//! Sessions and their refresh tokens.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use types::{OrganizationId, SessionId, TokenHash, UserId};
use wire::Client;

use super::read::{self, organization_columns};
use super::refresh_tokens;
use super::users::{self, user_columns};
use crate::domain::Timestamp;
use crate::domain::evaluation::Basis;
use crate::domain::organization::Organization;
use crate::domain::session::{EndCause, Methods, Session, TokenState};
use crate::domain::user::User;

macro_rules! session_columns {
    () => {
        "s.organization_id, s.session_id, s.user_id, s.create_time, s.auth_time, s.auth_source, s.amr, s.mfa_time, s.generation, \
         s.policy_version::text AS policy_version, s.user_version, s.idle_expire_time, s.expire_time, s.end_cause, \
         coalesce(s.refresh_time, s.create_time) AS refresh_time, s.client_address, s.client_user_agent"
    };
}

fn session(row: &Row) -> Result<Session, StoreError> {
    let amr: Vec<String> = row.try_get("amr")?;
    let source = read::word("session.auth_source", row.try_get("auth_source")?)?;
    let cause = |text: &str| {
        let cause = EndCause::ALL.into_iter().find(|cause| cause.as_str() == text);
        cause.ok_or(StoreError::Unreadable { column: "session.end_cause" })
    };
    let address: &str = row.try_get("client_address")?;
    Ok(Session {
        organization_id: OrganizationId::from_uuid(row.try_get("organization_id")?),
        id: SessionId::from_uuid(row.try_get("session_id")?),
        user_id: UserId::from_uuid(row.try_get("user_id")?),
        create_time: row.try_get("create_time")?,
        auth_time: row.try_get("auth_time")?,
        methods: Methods::read(source, &amr).ok_or(StoreError::Unreadable { column: "session.amr" })?,
        mfa_time: row.try_get("mfa_time")?,
        basis: Basis {
            generation: row.try_get("generation")?,
            policy_version: read::policy_version("session.policy_version", row.try_get("policy_version")?)?,
        },
        user_version: row.try_get("user_version")?,
        idle_expire_time: row.try_get("idle_expire_time")?,
        expire_time: row.try_get("expire_time")?,
        refresh_time: row.try_get("refresh_time")?,
        client: Client {
            address: (!address.is_empty())
                .then(|| read::word("session.client_address", address))
                .transpose()?,
            user_agent: row.try_get("client_user_agent")?,
        },
        ended: row.try_get::<_, Option<&str>>("end_cause")?.map(cause).transpose()?,
    })
}

/// Stores a new session.
///
/// # Errors
/// The database's.
pub async fn insert(unit: &Unit<'_>, session: &Session) -> Result<(), StoreError> {
    const SQL: &str = "-- sessions::insert
        INSERT INTO session (organization_id, session_id, user_id, create_time, auth_time, amr, mfa_time, generation,
            policy_version, user_version, idle_expire_time, expire_time, auth_source, client_address, client_user_agent, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11, $12, $13, $14, $15, 'live')";
    let policy = read::policy_version_json(&session.basis.policy_version)?;
    let address = session.client.address.map(|address| address.to_string()).unwrap_or_default();
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &session.organization_id.uuid(),
        &session.id.uuid(),
        &session.user_id.uuid(),
        &session.create_time,
        &session.auth_time,
        &session.methods.amr(),
        &session.mfa_time,
        &session.basis.generation,
        &policy,
        &session.user_version,
        &session.idle_expire_time,
        &session.expire_time,
        &session.methods.auth_source().as_str(),
        &address,
        &session.client.user_agent,
    ];
    unit.execute_one("sessions::insert", SQL, &parameters).await
}

/// A session with its user and their organisation, as they are now.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// Their organisation.
    pub organization: Organization,
}

fn standing(row: &Row) -> Result<Option<Standing>, StoreError> {
    let Some(organization) = read::organization(row)? else { return Ok(None) };
    Ok(Some(Standing { session: session(row)?, user: users::user(row)?.user, organization }))
}

/// Whether a session has ended; it does not end before the unit has.
///
/// # Errors
/// The database's.
pub async fn has_ended(
    unit: &Unit<'_>,
    organization: OrganizationId,
    session: SessionId,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- sessions::has_ended
        SELECT state = 'ended' AS has_ended FROM session WHERE organization_id = $1 AND session_id = $2 FOR SHARE";
    let row = unit.query_opt(SQL, &[&organization.uuid(), &session.uuid()]).await?;
    // Rows of ended sessions stay for a day, a call takes seconds: what is not there has not ended meanwhile.
    row.map_or(Ok(false), |row| Ok(row.try_get("has_ended")?))
}

/// A session by its id.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    organization: OrganizationId,
    id: SessionId,
) -> Result<Option<Standing>, StoreError> {
    const SQL: &str = concat!(
        "-- sessions::find\n",
        "SELECT ",
        session_columns!(),
        ", ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM session s
        JOIN user_account u ON u.organization_id = s.organization_id AND u.user_id = s.user_id
        JOIN organization o ON o.organization_id = s.organization_id
        WHERE s.organization_id = $1 AND s.session_id = $2"
    );
    let row = read::row(store, SQL, &[&organization.uuid(), &id.uuid()]).await?;
    row.as_ref().map_or(Ok(None), standing)
}

/// A session by one of its refresh tokens, and whether that was used before.
///
/// # Errors
/// The database's.
pub async fn find_by_token(
    store: &Store,
    token: TokenHash,
) -> Result<Option<(Standing, TokenState)>, StoreError> {
    const SQL: &str = concat!(
        "-- sessions::find_by_token\n",
        "SELECT t.state AS token_state, ",
        session_columns!(),
        ", ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM refresh_token t
        JOIN session s ON s.organization_id = t.organization_id AND s.session_id = t.session_id
        JOIN user_account u ON u.organization_id = s.organization_id AND u.user_id = s.user_id
        JOIN organization o ON o.organization_id = s.organization_id
        WHERE t.token_hash = $1"
    );
    let Some(row) = read::row(store, SQL, &[&token.0.as_slice()]).await? else { return Ok(None) };
    let Some(standing) = standing(&row)? else { return Ok(None) };
    Ok(Some((standing, refresh_tokens::token_state(row.try_get("token_state")?)?)))
}

/// A session as it is now, until the unit ends. Lock organisation and user before.
///
/// # Errors
/// The database's.
pub async fn lock(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    const SQL: &str = concat!(
        "-- sessions::lock\n",
        "SELECT ",
        session_columns!(),
        " FROM session s
        WHERE s.organization_id = $1 AND s.session_id = $2 FOR NO KEY UPDATE"
    );
    let row = unit.query_opt(SQL, &[&organization.uuid(), &id.uuid()]).await?;
    row.as_ref().map(session).transpose()
}

/// Writes what a refresh or a step-up changed in a locked session.
///
/// # Errors
/// The database's.
pub async fn update(unit: &Unit<'_>, session: &Session) -> Result<(), StoreError> {
    const SQL: &str = "-- sessions::update
        UPDATE session SET amr = $3, mfa_time = $4, generation = $5, policy_version = $6::text::jsonb,
            idle_expire_time = $7, refresh_time = $8
        WHERE organization_id = $1 AND session_id = $2 AND state = 'live'";
    let policy = read::policy_version_json(&session.basis.policy_version)?;
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &session.organization_id.uuid(),
        &session.id.uuid(),
        &session.methods.amr(),
        &session.mfa_time,
        &session.basis.generation,
        &policy,
        &session.idle_expire_time,
        &session.refresh_time,
    ];
    unit.execute_one("sessions::update", SQL, &parameters).await
}

/// Ends a locked session.
///
/// # Errors
/// The database's.
pub async fn end(unit: &Unit<'_>, session: &Session, cause: EndCause) -> Result<(), StoreError> {
    const SQL: &str = "-- sessions::end
        UPDATE session SET state = 'ended', end_cause = $3
        WHERE organization_id = $1 AND session_id = $2 AND state = 'live'";
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&session.organization_id.uuid(), &session.id.uuid(), &cause.as_str()];
    unit.execute_one("sessions::end", SQL, &parameters).await
}

/// Ends a user's sessions whose generation is below one, because their factor changed; which ones. `except` lives on.
///
/// # Errors
/// The database's.
pub async fn end_below(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
    generation: i64,
    except: Option<SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    const SQL: &str = "-- sessions::end_below
        UPDATE session SET state = 'ended', end_cause = 'factor_changed'
        WHERE organization_id = $1 AND user_id = $2 AND state = 'live' AND generation < $3
            AND session_id IS DISTINCT FROM $4
        RETURNING session_id";
    let except = except.map(SessionId::uuid);
    let rows = unit.query(SQL, &[&organization.uuid(), &user.uuid(), &generation, &except]).await?;
    rows.iter().map(|row| Ok(SessionId::from_uuid(row.try_get(0)?))).collect()
}

/// Lifts the session that made a new generation up to it.
///
/// # Errors
/// The database's.
pub async fn raise_generation(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
    id: SessionId,
    generation: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "-- sessions::raise_generation
        UPDATE session SET generation = greatest(generation, $4)
        WHERE organization_id = $1 AND user_id = $2 AND session_id = $3 AND state = 'live'";
    let parameters: [&(dyn ToSql + Sync); 4] = [&organization.uuid(), &user.uuid(), &id.uuid(), &generation];
    unit.execute(SQL, &parameters).await.map(drop)
}

/// Marks that the refusal of a dead session's refresh token has left its event; whether it had not yet.
///
/// # Errors
/// The database's.
pub async fn mark_refusal(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SessionId,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- sessions::mark_refusal
        UPDATE session SET refusal_recorded = true
        WHERE organization_id = $1 AND session_id = $2 AND NOT refusal_recorded";
    Ok(unit.execute(SQL, &[&organization.uuid(), &id.uuid()]).await? == 1)
}

/// The living sessions of a user, the newest first, before one.
///
/// # Errors
/// The database's.
pub async fn list(
    store: &Store,
    user: &User,
    now: Timestamp,
    before: Option<SessionId>,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    // Ids are made in the order of time.
    const SQL: &str = concat!(
        "-- sessions::list\n",
        "SELECT ",
        session_columns!(),
        " FROM session s
        WHERE s.organization_id = $1 AND s.user_id = $2 AND s.state = 'live' AND s.idle_expire_time > $3
            AND s.expire_time > $3 AND s.user_version = $4 AND s.generation >= $5
            AND ($6::uuid IS NULL OR s.session_id < $6)
        ORDER BY s.session_id DESC LIMIT $7"
    );
    let before = before.map(SessionId::uuid);
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &user.organization_id.uuid(),
        &user.id.uuid(),
        &now,
        &user.version,
        &user.generation_floor,
        &before,
        &limit,
    ];
    read::rows(store, SQL, &parameters).await?.iter().map(session).collect()
}
