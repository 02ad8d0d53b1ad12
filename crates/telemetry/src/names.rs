//! Every name of a span, metric and attribute. A name that is not here does not exist.

/// The span around one RPC on the server.
pub const SPAN_RPC: &str = "rpc";
/// The span around one unit of work.
pub const SPAN_UNIT: &str = "unit";

/// The service that writes the line: `tenant`, `identity`, `mfa`.
pub const SERVICE: &str = "service";
/// The W3C trace id, 32 hexadecimal digits.
pub const TRACE_ID: &str = "trace_id";
/// The RPC's path on the wire; `unknown` for one that does not exist.
pub const METHOD: &str = "method";
/// The peer of the connection.
pub const PEER: &str = "peer";
/// The gRPC code of the answer.
pub const CODE: &str = "code";
/// The reason of the answer, when it is an error.
pub const REASON: &str = "reason";
/// How long the call took, in microseconds.
pub const DURATION_US: &str = "duration_us";

/// Metric: 1 while the service's clock is known to be right, else 0 (R8).
pub const METRIC_CLOCK_TRUSTED: &str = "countersign.clock.trusted";
/// Metric: how far a reference is ahead of the service's clock, in seconds.
pub const METRIC_CLOCK_DIFFERENCE: &str = "countersign.clock.difference";
/// What the clock was compared with: `postgresql`, `ntp`.
pub const CLOCK_REFERENCE: &str = "clock_reference";
