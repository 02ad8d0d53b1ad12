//! The span and the log line of a call.

use async_trait::async_trait;
use telemetry::continue_trace;
use tokio::time::Instant;
use tonic::Status;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::reason_of;
use crate::server::step::{ConnectionPeer, Next, Request, Response, Step};
use crate::status::code_name;

pub(in crate::server) struct Trace;

#[async_trait]
impl Step for Trace {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        let begun = Instant::now();
        // A path that is no method's is the caller's free text and stays out of the log.
        let method = access::rule(request.uri().path()).map_or("unknown", |rule| rule.method);
        let peer = request.extensions().get::<ConnectionPeer>().and_then(|ConnectionPeer(peer)| peer.clone());
        let peer = peer.as_ref().map_or("", |peer| peer.as_str());
        let span = tracing::info_span!(
            telemetry::names::SPAN_RPC,
            method,
            peer,
            trace_id = Empty,
            otel.name = method.trim_start_matches('/'),
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.response.status_code = Empty,
        );
        let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = continue_trace(&span, header);
        span.record("trace_id", tracing::field::display(trace));
        request.extensions_mut().insert(trace);
        async {
            let response = next.run(request).await;
            report(method, &response, begun);
            response
        }
        .instrument(span)
        .await
    }
}

/// What became of a call, as far as its head tells: a stream goes on after it.
fn report(method: &'static str, response: &Response, begun: Instant) {
    let took = begun.elapsed();
    let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status =
        Status::from_header_map(response.headers()).filter(|status| status.code() != tonic::Code::Ok);
    let (code, reason) = match &status {
        Some(status) => (code_name(status.code()), reason_of(status).map_or("", fault::Reason::as_str)),
        None => (code_name(tonic::Code::Ok), ""),
    };
    let span = Span::current();
    span.record("rpc.response.status_code", code);
    // By the conventions, only what is the server's own fault is an error of the server's span.
    if matches!(
        code,
        "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
    ) {
        span.record("otel.status_code", "ERROR");
    }
    telemetry::metrics::served(method, code, reason, took);
    match status {
        Some(status) => tracing::info!(code = ?status.code(), reason, duration_us, "call refused"),
        None => tracing::debug!(code = "Ok", duration_us, "call answered"),
    }
}
