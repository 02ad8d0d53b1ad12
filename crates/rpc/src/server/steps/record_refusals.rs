//! Refusals of signed-in users leave an event before they are answered.

use std::sync::Arc;

use access::{Caller, Rule};
use async_trait::async_trait;
use fault::{Code, Fault, Outcome, Reason};
use telemetry::TraceId;
use tonic::Status;

use super::{caller_of, rule_of};
use crate::call::Present;
use crate::server::step::{Next, Request, Response, Step, refuse};
use crate::server::{Refusal, RefusalSink};
use crate::status::{Stage, rewritten};
use crate::{reason_of, spawn_in_call};

pub(in crate::server) struct RecordRefusals {
    pub(in crate::server) sink: Arc<dyn RefusalSink>,
}

impl RecordRefusals {
    /// Recorded in a task of its own: a caller who hangs up now has been refused all the same.
    async fn record(&self, refusal: Refusal) -> Outcome<()> {
        let sink = Arc::clone(&self.sink);
        let task = async move { sink.record(refusal).await };
        match spawn_in_call(task).await {
            Ok(recorded) => recorded,
            Err(cut_off) => Err(Fault::new(Reason::DependencyUnavailable).with_cause(cut_off)),
        }
    }
}

#[async_trait]
impl Step for RecordRefusals {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        let (rule, caller) = match (rule_of(&request), caller_of(&request)) {
            (Ok(rule), Ok(caller)) => (rule, caller),
            (Err(fault), _) | (_, Err(fault)) => return refuse(fault),
        };
        let trace = request.extensions().get::<TraceId>().copied();
        let response = next.run(request).await;
        let Some(refusal) = refusal(rule, &caller, trace, &response) else { return response };
        match self.record(refusal).await {
            Ok(()) => response,
            // Nothing is answered unrecorded, refusals included.
            Err(fault) => refuse(Fault::new(Reason::DependencyUnavailable).with_cause(fault)),
        }
    }
}

/// The refusal in an answer, if it is one that must be recorded.
fn refusal(rule: &Rule, caller: &Caller, trace: Option<TraceId>, response: &Response) -> Option<Refusal> {
    let user = caller.user.clone().filter(|_| rule.records_refusals)?;
    let status =
        Status::from_header_map(response.headers()).filter(|status| status.code() != tonic::Code::Ok)?;
    let reason = reason_of(&rewritten(status, Stage::Headers))?;
    let is_refusal = matches!(
        reason.code(),
        Code::PermissionDenied | Code::NotFound | Code::FailedPrecondition | Code::Unauthenticated
    );
    let is_recorded = Present::get().is_some_and(|present| present.is_refusal_recorded());
    (is_refusal && !is_recorded).then(|| Refusal {
        caller: user,
        peer: caller.peer.to_string(),
        method: rule.method.to_owned(),
        reason,
        trace_id: trace.map(|trace| trace.to_string()).unwrap_or_default(),
    })
}
