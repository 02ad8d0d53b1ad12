//! Ending what a user, or a whole branch, has open: sessions and sign-ins under way.
//!
//! Lock the user before, or the organisation and its floors: then nothing new is opened meanwhile.

use store::{StoreError, Unit};
use tokio_postgres::types::ToSql;
use types::{OrganizationId, SessionId, UserId};

use crate::domain::session::EndCause;

/// Ends a user's sessions but for one; which ones.
///
/// # Errors
/// The database's.
pub async fn end_sessions(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
    except: Option<SessionId>,
    cause: EndCause,
) -> Result<Vec<SessionId>, StoreError> {
    const SQL: &str = "-- endings::end_sessions
        UPDATE session SET state = 'ended', end_cause = $4
        WHERE organization_id = $1 AND user_id = $2 AND state = 'live' AND session_id IS DISTINCT FROM $3
        RETURNING session_id";
    let except = except.map(SessionId::uuid);
    let parameters: [&(dyn ToSql + Sync); 4] = [&organization.uuid(), &user.uuid(), &except, &cause.as_str()];
    let rows = unit.query(SQL, &parameters).await?;
    rows.iter().map(|row| Ok(SessionId::from_uuid(row.try_get(0)?))).collect()
}

/// Ends a user's sign-ins under way; how many.
///
/// # Errors
/// The database's.
pub async fn end_sign_ins(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- endings::end_sign_ins
        UPDATE sign_in SET state = 'dead' WHERE organization_id = $1 AND user_id = $2 AND state = 'open'";
    unit.execute(SQL, &[&organization.uuid(), &user.uuid()]).await
}

/// Lets the session in which a user changed themselves live on with the new version; whether it lives.
///
/// # Errors
/// The database's.
pub async fn keep_session(
    unit: &Unit<'_>,
    organization: OrganizationId,
    user: UserId,
    session: SessionId,
    user_version: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- endings::keep_session
        UPDATE session SET user_version = $4
        WHERE organization_id = $1 AND user_id = $2 AND session_id = $3 AND state = 'live'";
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&organization.uuid(), &user.uuid(), &session.uuid(), &user_version];
    Ok(unit.execute(SQL, &parameters).await? == 1)
}

/// Ends the sessions of all users of an organisation and of everything below it; how many.
///
/// # Errors
/// The database's.
pub async fn end_sessions_of_branch(
    unit: &Unit<'_>,
    organization: OrganizationId,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- endings::end_sessions_of_branch
        UPDATE session SET state = 'ended', end_cause = $2
        WHERE state = 'live'
            AND organization_id IN (SELECT organization_id FROM organization WHERE path @> ARRAY[$1::uuid])";
    unit.execute(SQL, &[&organization.uuid(), &EndCause::OrganizationChanged.as_str()]).await
}

/// Ends the sign-ins under way of all users of an organisation and of everything below it; how many.
///
/// # Errors
/// The database's.
pub async fn end_sign_ins_of_branch(
    unit: &Unit<'_>,
    organization: OrganizationId,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- endings::end_sign_ins_of_branch
        UPDATE sign_in SET state = 'dead'
        WHERE state = 'open'
            AND organization_id IN (SELECT organization_id FROM organization WHERE path @> ARRAY[$1::uuid])";
    unit.execute(SQL, &[&organization.uuid()]).await
}
