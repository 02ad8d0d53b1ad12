//! Refusals that the layers found, handed on to be recorded.

use std::sync::Arc;

use async_trait::async_trait;
use fault::Outcome;
use rpc::{CallInfo, Refusal, RefusalSink};

use crate::ops::{Call, RefusedCall, Tenant};

/// Where the layers leave refusals.
pub(crate) struct Refusals(pub(crate) Arc<Tenant>);

#[async_trait]
impl RefusalSink for Refusals {
    async fn record(&self, refusal: Refusal) -> Outcome<()> {
        let info = CallInfo { peer: refusal.peer, trace_id: refusal.trace_id };
        let call = Call { info, request_id: None, request: None };
        let refused =
            RefusedCall { caller: refusal.caller, method: refusal.method, reason: refusal.reason.as_str() };
        self.0.record_refusal(refused, call).await
    }
}
