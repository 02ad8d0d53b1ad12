//! Logs, traces, metrics and the names in them.
//!
//! Every name of a span, metric or attribute stands in [`names`]. Nothing here ever sees a body, a token or a secret: what
//! must not be told is not handed over. OpenTelemetry is set up in [`start`]; where no collector is named, traces cost
//! nothing, and where one is named and down, nothing but telemetry is lost.

mod export;
mod logs;
mod losses;
pub mod metrics;
pub mod names;
mod setup;
mod trace;

pub use export::{ExportError, prometheus_text};
pub use logs::LogFormat;
pub use opentelemetry::KeyValue;
pub use setup::{Telemetry, TelemetryOptions, init, start};
pub use trace::{TraceId, continue_trace, traceparent};
