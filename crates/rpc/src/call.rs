//! The call that is being served: who calls, which trace it belongs to, and how much time it has left.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use access::{Caller, SignedIn};
use fault::{Fault, Outcome, Reason};
use telemetry::TraceId;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::Request;
use tracing::Instrument as _;

/// How long a call may take at most, and what a piece of work outside any call gives its requests.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// What events say about the call that caused them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallInfo {
    /// The peer's name.
    pub peer: String,
    /// The W3C trace id.
    pub trace_id: String,
}

/// Who is calling, as the layers found out.
///
/// # Errors
/// INTERNAL when the request did not come through this crate's server.
pub fn caller<T>(request: &Request<T>) -> Outcome<Arc<Caller>> {
    let no_caller = || Fault::new(Reason::Internal).with_cause("the request did not pass the layers");
    request.extensions().get::<Arc<Caller>>().cloned().ok_or_else(no_caller)
}

/// The user the call is for.
///
/// # Errors
/// TOKEN_INVALID when it is for none; INTERNAL as [`caller`].
pub fn signed_in<T>(request: &Request<T>) -> Outcome<SignedIn> {
    caller(request)?.user.clone().ok_or_else(|| Reason::TokenInvalid.into())
}

/// What events say about this call.
#[must_use]
pub fn call_info<T>(request: &Request<T>) -> CallInfo {
    let peer = request.extensions().get::<Arc<Caller>>().map(|caller| caller.peer.to_string());
    let trace_id = request.extensions().get::<TraceId>().copied().unwrap_or_else(TraceId::generate);
    CallInfo { peer: peer.unwrap_or_default(), trace_id: trace_id.to_string() }
}

/// How long the present call may still take; [`DEFAULT_DEADLINE`] outside of any. Tasks spawned by a handler are outside.
#[must_use]
pub fn remaining_time() -> Duration {
    Present::get()
        .map_or(DEFAULT_DEADLINE, |present| present.deadline.saturating_duration_since(Instant::now()))
}

/// Says that the unit of work recorded the refusal that is about to be answered, in an event of its own, so that the
/// layers record none.
pub fn refusal_is_recorded() {
    if let Some(present) = Present::get() {
        present.refusal_recorded.store(true, Ordering::Relaxed);
    }
}

/// Does the rest of a call in a task of its own, which goes on when the caller goes away, with the call's deadline and trace.
/// For what must have its effect and its event whatever becomes of the call: a server that stops waits for it as for a call.
pub fn spawn_in_call<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    spawn_past_call(Duration::ZERO, work)
}

/// The same with at least `grace` left: for work that waits for another service's verdict, which it must hear although the
/// call's own deadline passes.
pub fn spawn_past_call<F>(grace: Duration, work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    match Present::get().map(|present| present.with_at_least(grace)) {
        Some(present) => {
            let tasks = present.tasks.clone();
            tasks.spawn(present.scope(work).in_current_span())
        }
        None => tokio::spawn(work.in_current_span()),
    }
}

/// The present call, known to everything that runs within its task.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) deadline: Instant,
    pub(crate) trace: TraceId,
    refusal_recorded: Arc<AtomicBool>,
    /// Those that go on when the caller goes away.
    tasks: TaskTracker,
}

tokio::task_local! {
    static PRESENT: Present;
}

impl Present {
    pub(crate) fn new(deadline: Instant, trace: TraceId, tasks: TaskTracker) -> Self {
        Self { deadline, trace, refusal_recorded: Arc::default(), tasks }
    }

    pub(crate) fn get() -> Option<Self> {
        PRESENT.try_with(Clone::clone).ok()
    }

    /// The same call with so much time left at least.
    fn with_at_least(self, grace: Duration) -> Self {
        Self { deadline: self.deadline.max(Instant::now() + grace), ..self }
    }

    pub(crate) fn is_refusal_recorded(&self) -> bool {
        self.refusal_recorded.load(Ordering::Relaxed)
    }

    pub(crate) async fn scope<F: Future>(self, work: F) -> F::Output {
        PRESENT.scope(self, work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What work in a task of a call with so much time left has left itself.
    async fn left(time: Duration, grace: Duration) -> Duration {
        let present = Present::new(Instant::now() + time, TraceId::generate(), TaskTracker::new());
        let work = async move { spawn_past_call(grace, async { remaining_time() }).await };
        present.scope(work).await.unwrap_or_default()
    }

    #[tokio::test]
    async fn a_grace_lengthens_what_is_left_and_shortens_nothing() {
        let [minute, five, nine] = [1, 5, 9].map(|minutes| Duration::from_secs(minutes * 60));
        let is_about = |left: Duration, whole: Duration| left <= whole && left + minute > whole;
        assert!(is_about(left(minute, five).await, five));
        assert!(is_about(left(nine, five).await, nine));
        assert!(is_about(left(minute, Duration::ZERO).await, minute));
    }
}
