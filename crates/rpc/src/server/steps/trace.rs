//! The span and the log line of a call.

use async_trait::async_trait;
use telemetry::TraceId;
use tokio::time::Instant;
use tonic::Status;
use tracing::Instrument as _;

use crate::reason_of;
use crate::server::step::{ConnectionPeer, Next, Request, Response, Step};

pub(in crate::server) struct Trace;

#[async_trait]
impl Step for Trace {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        let begun = Instant::now();
        let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = header.and_then(TraceId::from_traceparent).unwrap_or_else(TraceId::generate);
        request.extensions_mut().insert(trace);
        // A path that is no method's is the caller's free text and stays out of the log.
        let method = access::rule(request.uri().path()).map_or("unknown", |rule| rule.method);
        let peer = request.extensions().get::<ConnectionPeer>().and_then(|ConnectionPeer(peer)| peer.clone());
        let peer = peer.as_ref().map_or("", |peer| peer.as_str());
        let span = tracing::info_span!("rpc", method, peer, trace_id = %trace);
        async {
            let response = next.run(request).await;
            report(&response, begun);
            response
        }
        .instrument(span)
        .await
    }
}

fn report(response: &Response, begun: Instant) {
    let duration_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() != tonic::Code::Ok => {
            let reason = reason_of(&status).map_or("", fault::Reason::as_str);
            tracing::info!(code = ?status.code(), reason, duration_us, "call refused");
        }
        _ => tracing::debug!(code = "Ok", duration_us, "call answered"),
    }
}
