//! The layers of every call, outermost first.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::step::Step;
use super::steps::{
    AdmitPeer, AdmitUser, Authenticate, BoundTime, CatchPanic, FindRule, KnowPeer, Limit, RecordRefusals,
    RewriteStatus, Trace, WaitForOpening,
};
use super::{ServerOptions, ServerParts};

/// Read it top to bottom: so a request goes in, and bottom to top: so its answer comes out.
pub(super) fn layers(
    options: &ServerOptions,
    parts: &ServerParts,
    draining: &CancellationToken,
    work: &TaskTracker,
) -> Vec<Box<dyn Step>> {
    vec![
        // One span and one log line per call, under the caller's trace id or a new one.
        Box::new(Trace),
        // A panic is INTERNAL for its caller and nothing for the others.
        Box::new(CatchPanic),
        // Whatever leaves as an error has ErrorInfo with a reason of ours; also in trailers of streams.
        Box::new(RewriteStatus { draining: draining.clone() }),
        // Metadata and message sizes, compression, framing: before anybody looks at what is inside.
        Box::new(Limit { metadata: options.limits.metadata, message: options.limits.message }),
        // The caller's deadline or ours, whichever is nearer; handlers and their requests to peers know it.
        Box::new(BoundTime { cap: options.limits.request_time, tasks: work.clone() }),
        // The certificate must name a peer at all.
        Box::new(KnowPeer),
        // The row of the access table; no row, no call.
        Box::new(FindRule { served: parts.service_names, reflection: options.reflection }),
        // The peer must be in the row.
        Box::new(AdmitPeer { reflection: options.reflection }),
        // A service that does not know its keys yet does nothing.
        Box::new(WaitForOpening { readiness: parts.readiness.clone() }),
        // The user of the bearer token, where the row asks for one.
        Box::new(Authenticate { authenticator: Arc::clone(&parts.authenticator) }),
        // A signed-in user's refusal is recorded before it is answered, where the row says so.
        Box::new(RecordRefusals { sink: Arc::clone(&parts.refusals) }),
        // The user's role must be in the row, and the second factor as fresh as it asks.
        Box::new(AdmitUser { clock: Arc::clone(&parts.clock) }),
    ]
}
