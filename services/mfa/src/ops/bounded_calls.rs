//! The bound on what a user's sessions ask of enrolments.

use clock::Timestamp;
use fault::Outcome;
use store::Unit;

use crate::domain::{ENROLLMENT_WINDOW, EnrollmentBinding};
use crate::store::{UserKey, enrollment_calls};

/// Counts a call about the enrolment of a locked user's session, and lets it pass or not. A call that then changes and records
/// nothing is not counted either; a sign-in's calls are counted by identity.
///
/// # Errors
/// OVERLOADED; the database's.
pub(super) async fn admit_call(
    unit: &Unit<'_>,
    user: UserKey,
    binding: EnrollmentBinding,
    now: Timestamp,
) -> Outcome<()> {
    if binding.session_id().is_none() {
        return Ok(());
    }
    enrollment_calls::count(unit, user, now, now - ENROLLMENT_WINDOW).await?.admit(now)
}
