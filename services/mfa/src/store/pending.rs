//! The table `pending_enrollment`.

use clock::Timestamp;
use store::{StoreError, Unit};
use tokio_postgres::Row;
use types::{EnrollmentId, OrganizationId};

use super::UserKey;
use super::recovery_codes::{self, column};
use super::ticket::hash;
use crate::domain::{Confirmed, EnrollmentBinding, Pending, PendingCodes, TimeStep};

/// The enrolment that a sign-in or session began, dead or alive.
///
/// # Errors
/// The database's.
pub(crate) async fn load(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
) -> Result<Option<Pending>, StoreError> {
    const SQL: &str = "-- pending::load
        SELECT enrollment_id, sealed_secret, generation, wrong_codes, confirmed_step, confirm_time,
               sealed_recovery_key, recovery_codes, ticket_hash, expire_time
        FROM pending_enrollment WHERE organization_id = $1 AND user_id = $2 AND binding = $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let row = unit.query_opt(SQL, &[&organization, &id, &binding.key()]).await?;
    row.as_ref().map(pending).transpose()
}

/// Begins an enrolment; one that the same sign-in or session began before is replaced.
///
/// # Errors
/// The database's.
pub(crate) async fn replace(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
    pending: &Pending,
) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::replace
        INSERT INTO pending_enrollment (organization_id, user_id, binding, enrollment_id, sealed_secret, generation,
            wrong_codes, ticket_hash, expire_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT ON CONSTRAINT pending_enrollment_pk DO UPDATE SET
            enrollment_id = EXCLUDED.enrollment_id, sealed_secret = EXCLUDED.sealed_secret,
            generation = EXCLUDED.generation, wrong_codes = EXCLUDED.wrong_codes, confirmed_step = NULL,
            confirm_time = NULL, sealed_recovery_key = NULL, recovery_codes = NULL,
            ticket_hash = EXCLUDED.ticket_hash, expire_time = EXCLUDED.expire_time";
    unit.execute_one(
        "pending::replace",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.user_id.uuid(),
            &binding.key(),
            &pending.id.uuid(),
            &pending.sealed_secret,
            &pending.generation,
            &pending.wrong_codes,
            &pending.ticket.as_ref().map(|hash| hash.0.as_slice()),
            &pending.expire_time,
        ],
    )
    .await
}

/// Keeps that a code proved an enrolment, and the recovery codes that are shown with that; earlier ones are dead.
///
/// # Errors
/// The database's.
pub(crate) async fn confirm(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
    confirmed: Confirmed,
    recovery: &PendingCodes,
) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::confirm
        UPDATE pending_enrollment
        SET confirmed_step = $4, confirm_time = $5, sealed_recovery_key = $6, recovery_codes = $7
        WHERE organization_id = $1 AND user_id = $2 AND binding = $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    let (binding, step, at) = (binding.key(), confirmed.step.0, confirmed.at);
    let PendingCodes { sealed_key, hashes } = recovery;
    unit.execute_one(
        "pending::confirm",
        SQL,
        &[&organization, &id, &binding, &step, &at, sealed_key, &column(hashes)],
    )
    .await
}

/// Whether a user has this enrolment under way, and a code of this time step was the last that proved it.
///
/// # Errors
/// The database's.
pub(crate) async fn is_confirmed_at(
    unit: &Unit<'_>,
    user: UserKey,
    id: EnrollmentId,
    step: TimeStep,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- pending::is_confirmed_at
        SELECT FROM pending_enrollment
        WHERE organization_id = $1 AND user_id = $2 AND enrollment_id = $3 AND confirmed_step = $4";
    let (organization, user) = (user.organization_id.uuid(), user.user_id.uuid());
    Ok(unit.query_opt(SQL, &[&organization, &user, &id.uuid(), &step.0]).await?.is_some())
}

/// Keeps the number of wrong codes.
///
/// # Errors
/// The database's.
pub(crate) async fn count_wrong(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
    wrong_codes: i32,
) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::count_wrong
        UPDATE pending_enrollment SET wrong_codes = $4
        WHERE organization_id = $1 AND user_id = $2 AND binding = $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    unit.execute_one("pending::count_wrong", SQL, &[&organization, &id, &binding.key(), &wrong_codes]).await
}

/// Destroys one enrolment.
///
/// # Errors
/// The database's.
pub(crate) async fn delete(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::delete
        DELETE FROM pending_enrollment WHERE organization_id = $1 AND user_id = $2 AND binding = $3";
    let (organization, id) = (user.organization_id.uuid(), user.user_id.uuid());
    unit.execute_one("pending::delete", SQL, &[&organization, &id, &binding.key()]).await
}

/// Destroys every enrolment of a user.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_all(unit: &Unit<'_>, user: UserKey) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::delete_all
        DELETE FROM pending_enrollment WHERE organization_id = $1 AND user_id = $2";
    unit.execute(SQL, &[&user.organization_id.uuid(), &user.user_id.uuid()]).await.map(drop)
}

/// Destroys every enrolment of every user of an organisation.
///
/// # Errors
/// The database's.
pub(crate) async fn delete_all_of(unit: &Unit<'_>, organization: OrganizationId) -> Result<(), StoreError> {
    const SQL: &str = "-- pending::delete_all_of
        DELETE FROM pending_enrollment WHERE organization_id = $1";
    unit.execute(SQL, &[&organization.uuid()]).await.map(drop)
}

fn pending(row: &Row) -> Result<Pending, StoreError> {
    let step: Option<i64> = row.try_get("confirmed_step")?;
    let at: Option<Timestamp> = row.try_get("confirm_time")?;
    let sealed_key: Option<Vec<u8>> = row.try_get("sealed_recovery_key")?;
    let hashes: Option<Vec<&[u8]>> = row.try_get("recovery_codes")?;
    let hashes =
        hashes.map(|kept| recovery_codes::hashes("pending_enrollment.recovery_codes", &kept)).transpose()?;
    let ticket: Option<&[u8]> = row.try_get("ticket_hash")?;
    Ok(Pending {
        id: EnrollmentId::from_uuid(row.try_get("enrollment_id")?),
        sealed_secret: row.try_get("sealed_secret")?,
        generation: row.try_get("generation")?,
        wrong_codes: row.try_get("wrong_codes")?,
        confirmed: step.zip(at).map(|(step, at)| Confirmed { step: TimeStep(step), at }),
        recovery: sealed_key.zip(hashes).map(|(sealed_key, hashes)| PendingCodes { sealed_key, hashes }),
        ticket: ticket.map(|bytes| hash("pending_enrollment.ticket_hash", bytes)).transpose()?,
        expire_time: row.try_get("expire_time")?,
    })
}
