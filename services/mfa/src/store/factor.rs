//! The table `factor`.

use prost::Message;
use proto::events::Event;
use proto::events::event::Payload;
use store::{StoreError, Unit, Write};
use tokio_postgres::Row;
use types::{EventId, FactorId, OrganizationId};

use super::UserKey;
use crate::domain::{Drift, Enrolled, EnrollmentBinding, Factor, TimeStep};

const LOAD: &str = "-- factor::load
    SELECT factor_id, sealed_secret, factor_generation, last_step, drift, enroll_time, last_use_time
    FROM factor WHERE organization_id = $1 AND user_id = $2";

/// A user's factor; it stays so while the user is locked.
///
/// # Errors
/// The database's.
pub(crate) async fn load_in_unit(unit: &Unit<'_>, user: UserKey) -> Result<Option<Factor>, StoreError> {
    let row = unit.query_opt(LOAD, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.as_ref().map(factor).transpose()
}

/// Makes a factor active, by the event of its enrolment. The user has none at this moment.
///
/// # Errors
/// The database's.
pub(crate) async fn insert(
    unit: &Unit<'_>,
    user: UserKey,
    factor: &Factor,
    event_id: EventId,
) -> Result<(), StoreError> {
    const SQL: &str = "-- factor::insert
        INSERT INTO factor (organization_id, user_id, factor_id, sealed_secret, factor_generation, last_step, drift,
            enroll_time, last_use_time, enroll_event_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let Factor { id, sealed_secret, generation, last_step, drift, enroll_time, last_use_time } = factor;
    unit.execute_one(
        "factor::insert",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.user_id.uuid(),
            &id.uuid(),
            sealed_secret,
            generation,
            &last_step.0,
            &drift.steps(),
            enroll_time,
            last_use_time,
            &event_id.uuid(),
        ],
    )
    .await
}

/// Destroys a user's factor; which one, when there was one.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(unit: &Unit<'_>, user: UserKey) -> Result<Option<FactorId>, StoreError> {
    const SQL: &str = "-- factor::delete
        DELETE FROM factor WHERE organization_id = $1 AND user_id = $2 RETURNING factor_id";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.map(|row| Ok(FactorId::from_uuid(row.try_get(0)?))).transpose()
}

/// Destroys the factors of every user of an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_all(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- factor::delete_all
        DELETE FROM factor WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

/// By what a user's factor became active; none when there is no factor, or an earlier version
/// enrolled it.
///
/// # Errors
/// The database's.
pub(crate) async fn enrolled(unit: &Unit<'_>, user: UserKey) -> Result<Option<Enrolled>, StoreError> {
    const SQL: &str = "-- factor::enrolled
        SELECT e.event_id, e.envelope FROM factor f JOIN event e ON e.event_id = f.enroll_event_id
        WHERE f.organization_id = $1 AND f.user_id = $2";
    let row = unit.query_opt(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await?;
    row.map(|row| read_enrolled(EventId::from_uuid(row.try_get(0)?), row.try_get(1)?)).transpose()
}

/// The write that raises the accepted step to the factor's, with the secret sealed for it. Where the row's is not below, its
/// own constraint fails it: the last line of defence against a replay.
pub(crate) fn accepting(user: UserKey, factor: &Factor) -> Write {
    const SQL: &str = "-- factor::accepting
        UPDATE factor SET last_step = CASE WHEN last_step < $4 THEN $4 END, sealed_secret = $5,
            factor_generation = $6, drift = $7, last_use_time = $8
        WHERE organization_id = $1 AND user_id = $2 AND factor_id = $3";
    Write::new("factor::accepting", SQL)
        .with(user.organization_id.uuid())
        .with(user.user_id.uuid())
        .with(factor.id.uuid())
        .with(factor.last_step.0)
        .with(factor.sealed_secret.clone())
        .with(factor.generation)
        .with(factor.drift.steps())
        .with(factor.last_use_time)
}

/// What an enrolment's event says.
fn read_enrolled(event_id: EventId, envelope: &[u8]) -> Result<Enrolled, StoreError> {
    let unreadable = || StoreError::Unreadable { column: "event.envelope" };
    let event = Event::decode(envelope).map_err(|_| unreadable())?;
    let Some(Payload::FactorEnrolled(enrolled)) = event.payload else { return Err(unreadable()) };
    let binding = match (enrolled.sign_in_id.parse(), enrolled.session_id.parse()) {
        (Ok(sign_in), _) => EnrollmentBinding::SignIn(sign_in),
        (_, Ok(session)) => EnrollmentBinding::Session(session),
        _ => return Err(unreadable()),
    };
    let verify_time = enrolled.verify_time.as_ref().ok_or_else(unreadable)?;
    let verify_time = wire::timestamp("verify_time", verify_time).map_err(|_| unreadable())?;
    Ok(Enrolled { event_id, binding, generation: enrolled.generation, verify_time })
}

/// The factor of a row that has the columns of [`LOAD`].
pub(super) fn factor(row: &Row) -> Result<Factor, StoreError> {
    Ok(Factor {
        id: FactorId::from_uuid(row.try_get("factor_id")?),
        sealed_secret: row.try_get("sealed_secret")?,
        generation: row.try_get("factor_generation")?,
        last_step: TimeStep(row.try_get("last_step")?),
        drift: Drift::from_steps(row.try_get("drift")?),
        enroll_time: row.try_get("enroll_time")?,
        last_use_time: row.try_get("last_use_time")?,
    })
}
