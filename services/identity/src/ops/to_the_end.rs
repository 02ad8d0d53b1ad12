//! Work that has its effect and its event whatever becomes of the call.

use std::time::Duration;

use fault::{Fault, Outcome, Reason};

/// So long at least mfa's verdict is waited for, also when the caller has no time left: mfa counts an attempt that has reached
/// it, and a refusal that is not heard here would cost the sign-in nothing.
const GRACE: Duration = Duration::from_secs(5);

/// Does the rest of a call from the question to mfa on: it ends although the caller hangs up, or its deadline passes.
///
/// # Errors
/// The work's; INTERNAL when it was cut off.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    let task = rpc::spawn_past_call(GRACE, work);
    task.await.map_err(|cut_off| Fault::new(Reason::Internal).with_cause(cut_off))?
}
