//! How often a sign-in has asked about its enrolment. The counts stop growing where any bound has long been passed.

use store::{StoreError, Unit};
use types::{OrganizationId, SignInId};

/// Counts a beginning; how many there are with it, 0 when there is no such sign-in.
///
/// # Errors
/// The database's.
pub async fn count_begin(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SignInId,
) -> Result<i32, StoreError> {
    const SQL: &str = "-- enrollment_bounds::count_begin
        UPDATE sign_in SET enrollment_begins = least(enrollment_begins, 1000000) + 1
        WHERE organization_id = $1 AND sign_in_id = $2 RETURNING enrollment_begins";
    let row = unit.query_opt(SQL, &[&organization.uuid(), &id.uuid()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

/// Counts a confirmation or an acknowledgement; how many there are with it, 0 when there is no such sign-in.
///
/// # Errors
/// The database's.
pub async fn count_proof(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: SignInId,
) -> Result<i32, StoreError> {
    const SQL: &str = "-- enrollment_bounds::count_proof
        UPDATE sign_in SET enrollment_proofs = least(enrollment_proofs, 1000000) + 1
        WHERE organization_id = $1 AND sign_in_id = $2 RETURNING enrollment_proofs";
    let row = unit.query_opt(SQL, &[&organization.uuid(), &id.uuid()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}
