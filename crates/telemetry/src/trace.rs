//! Trace ids and their W3C form (Trace Context §3.2). They correlate; they prove nothing about a caller.

use std::collections::HashMap;
use std::fmt;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

const TRACEPARENT: &str = "traceparent";

/// Makes a span, before it is entered, part of the trace that a `traceparent` header names; where it names none, of a new
/// one. The id of that trace.
#[must_use]
pub fn continue_trace(span: &Span, traceparent: Option<&str>) -> TraceId {
    let named = traceparent.and_then(|header| Some((header, TraceId::from_traceparent(header)?)));
    if let Some((header, _)) = named {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), header.to_owned())]);
        // Without a collector nobody is there to hear of a parent.
        drop(span.set_parent(TraceContextPropagator::new().extract(&carrier)));
    }
    let exported = span.context().span().span_context().trace_id().to_bytes();
    match named {
        Some((_, id)) => id,
        None if exported == [0; 16] => TraceId::generate(),
        None => TraceId(exported),
    }
}

/// The `traceparent` header for a call within `trace`: its parent is the present span, where that is exported.
#[must_use]
pub fn traceparent(trace: TraceId) -> String {
    let context = Span::current().context();
    let span = context.span();
    let present = span.span_context();
    if present.trace_id().to_bytes() != trace.bytes() {
        return trace.to_traceparent();
    }
    format!("00-{trace}-{}-{:02x}", present.span_id(), present.trace_flags().to_u8())
}

/// The id that all calls and log lines of one request share: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// A new random id.
    #[must_use]
    pub fn generate() -> Self {
        Self(*Uuid::new_v4().as_bytes())
    }

    /// The trace id in a `traceparent` header; `None` when it is malformed.
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may append more; version 00 may not, and ff is forbidden.
        let version_is_known =
            is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let parent_is_set = is_hex(parent, 16) && parent.bytes().any(|digit| digit != b'0');
        if !version_is_known || !parent_is_set || !is_hex(flags, 2) || !is_hex(trace, 32) {
            return None;
        }
        let id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        Some(Self(id.to_be_bytes()))
    }

    /// A `traceparent` header with this id and a new parent id.
    #[must_use]
    pub fn to_traceparent(self) -> String {
        // Never zero: a version-4 UUID has its version bits set.
        let (parent, _) = Uuid::new_v4().as_u64_pair();
        format!("00-{self}-{parent:016x}-01")
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for TraceId {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_reads_back() {
        let id = TraceId::generate();
        assert_eq!(TraceId::from_traceparent(&id.to_traceparent()), Some(id));
        assert_ne!(id.to_traceparent(), id.to_traceparent());
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn the_examples_of_the_specification() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = TraceId::from_traceparent(header).unwrap();
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(TraceId::from_traceparent(&header.replacen("00", "cc", 1)).is_some());
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::from_traceparent(wrong), None, "{wrong}");
        }
    }
}
