//! How often a user's sessions may ask something of an enrolment.
//!
//! Each such call leaves an event, and what is begun can be begun again: without a bound, who has a session could make the log
//! grow as fast as it takes. Within a sign-in it is identity that counts, so that nobody who signs in is held up by this.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use time::Duration;

/// The hour that is counted.
pub(crate) const ENROLLMENT_WINDOW: Duration = Duration::HOUR;
/// So many calls in it are looked at. An enrolment takes three.
const CALLS: i32 = 40;

/// The calls of a user's sessions in the present hour, one that is being made included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnrollmentCalls {
    /// When the hour began: with its first call.
    pub(crate) window_start: Timestamp,
    /// How many they are.
    pub(crate) calls: i32,
}

impl EnrollmentCalls {
    /// Lets the call pass that was just counted.
    ///
    /// # Errors
    /// OVERLOADED, with when to come back: nothing is looked at until then.
    pub(crate) fn admit(self, now: Timestamp) -> Outcome<()> {
        if self.calls <= CALLS {
            return Ok(());
        }
        let wait = self.window_start + ENROLLMENT_WINDOW - now;
        Err(Fault::new(Reason::Overloaded).with_retry_after(wait.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn forty_calls_pass_and_the_next_is_told_when_the_hour_ends() {
        let window_start = datetime!(2026-01-01 00:00 UTC);
        let now = window_start + Duration::minutes(20);
        for calls in [1, 40] {
            assert!(EnrollmentCalls { window_start, calls }.admit(now).is_ok());
        }
        let fault = EnrollmentCalls { window_start, calls: 41 }.admit(now).unwrap_err();
        assert_eq!(fault.reason(), Reason::Overloaded);
        assert_eq!(fault.retry_after(), Some(std::time::Duration::from_mins(40)));
    }
}
