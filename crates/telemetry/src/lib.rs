//! Logs, traces and the names in them.
//!
//! Every name of a span, metric or attribute stands in [`names`]. Nothing here ever sees a body, a token or a secret: what
//! must not be logged is not handed over. Exporting to OpenTelemetry is to be added here and nowhere else.

mod logs;
pub mod names;
mod trace;

pub use logs::{LogFormat, init};
pub use trace::TraceId;
