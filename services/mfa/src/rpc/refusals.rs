//! Refusals that the layers found, handed on to be recorded.

use std::sync::Arc;

use async_trait::async_trait;
use fault::Outcome;
use rpc::{CallInfo, Refusal, RefusalSink};

use crate::ops::{Call, Mfa, RefusedCall};

/// Where the layers leave refusals.
pub(crate) struct Refusals(pub(crate) Arc<Mfa>);

#[async_trait]
impl RefusalSink for Refusals {
    async fn record(&self, refusal: Refusal) -> Outcome<()> {
        let info = CallInfo { peer: refusal.peer, trace_id: refusal.trace_id };
        let call = Call { info, request_id: None, request: None, kept: None };
        let (caller, method, reason) = (refusal.caller, refusal.method, refusal.reason.as_str());
        self.0.record_refusal(RefusedCall { caller, method, reason }, &call).await
    }
}
