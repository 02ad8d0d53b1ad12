//! Attempts that come a second time, because their answer was lost.
//!
//! An attempt's event has the attempt's id, so whoever locks the user finds there what became of it; and of two that come at
//! the same time one fails at the event's primary key, is undone as a whole, and finds it then.

use eventlog::is_recorded_twice;
use fault::{Fault, Outcome, Reason};

use crate::domain::MadeAttempt;

/// Ends a unit that has nothing to do but give the first verdict again.
#[derive(Debug, thiserror::Error)]
#[error("this attempt was made before")]
struct MadeBefore(MadeAttempt);

/// The fault that undoes the unit and carries the first verdict out of it.
pub(super) fn made_before(made: MadeAttempt) -> Fault {
    Fault::new(Reason::Internal).with_cause(MadeBefore(made))
}

/// The outcome of a unit, or the first verdict where it ended with [`made_before`].
///
/// # Errors
/// The unit's other faults.
pub(super) fn or_made_before<T>(outcome: Outcome<T>) -> Outcome<Result<T, MadeAttempt>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(fault) => match fault.cause().and_then(|cause| cause.downcast_ref::<MadeBefore>()) {
            Some(MadeBefore(made)) => Ok(Err(*made)),
            None => Err(fault),
        },
    }
}

/// Runs a unit, and once more when another one made the same attempt meanwhile.
///
/// # Errors
/// The unit's.
pub(super) async fn unless_made_meanwhile<T, F: Future<Output = Outcome<T>>>(
    unit: impl Fn() -> F,
) -> Outcome<T> {
    match unit().await {
        Err(fault) if is_recorded_twice(&fault) => unit().await,
        outcome => outcome,
    }
}
