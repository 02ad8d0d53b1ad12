//! Every name of a span, metric and attribute that is ours to choose. One that is not here does not exist.
//!
//! What OpenTelemetry's semantic conventions (`rpc.*`, `db.*`, `server.*`) and tracing-opentelemetry (`otel.*`) have named is
//! written as they name it, where a span is opened: a reader looks those up there, and a constant of ours would only hide them.

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

/// The span around one call to another service.
pub const SPAN_CLIENT: &str = "rpc.client";
/// The span around one statement.
pub const SPAN_STATEMENT: &str = "statement";
/// The span around one password hash, its turn included.
pub const SPAN_ARGON2ID: &str = "argon2id";
/// The span around the end of one unit of work: what waited for the commit, and the commit.
pub const SPAN_COMMIT: &str = "commit";
/// The span around one evaluation of a code.
pub const SPAN_VERIFICATION: &str = "verification";

/// Attribute: the unit of work's name.
pub const UNIT: &str = "countersign.unit";
/// Attribute: `committed`, `rolled_back`; of an event `succeeded`, `refused`.
pub const OUTCOME: &str = "countersign.outcome";
/// Attribute: an event's type.
pub const EVENT_TYPE: &str = "countersign.event.type";
/// Attribute: why something was refused unlooked at.
pub const CAUSE: &str = "countersign.cause";
/// Attribute: which log, or which service's.
pub const LOG: &str = "countersign.log";
/// Attribute: the state of something that has few.
pub const STATE: &str = "countersign.state";

/// Metric: how long a unit of work took, in seconds.
pub const METRIC_UNIT_DURATION: &str = "countersign.unit.duration";
/// Metric: repetitions that PostgreSQL asked for.
pub const METRIC_UNIT_REPETITIONS: &str = "countersign.unit.repetitions";
/// Metric: events recorded, by type, outcome and reason: verifications, locks, enrolments, sign-ins.
pub const METRIC_EVENTS: &str = "countersign.events";
/// Metric: how long a password hash took, its turn included, in seconds.
pub const METRIC_HASH_DURATION: &str = "countersign.hashing.duration";
/// Metric: attempts refused without being looked at, by cause.
pub const METRIC_REFUSED_UNLOOKED: &str = "countersign.attempts.refused_unlooked";
/// Metric: callers that run or wait for a password hash.
pub const METRIC_HASHING_QUEUE: &str = "countersign.hashing.queue";
/// Metric: events that have no position yet.
pub const METRIC_SEQUENCER_LAG: &str = "countersign.sequencer.lag";
/// Metric: 1 for the present state of the log's sequencer in this replica.
pub const METRIC_SEQUENCER_STATE: &str = "countersign.sequencer.state";
/// Metric: how many seconds ago a followed log last told this replica how far it is.
pub const METRIC_FOLLOWER_AGE: &str = "countersign.follower.age";
/// Metric: 1 for the present state of the follower of another service's log: `following`, `interrupted`, `blocked`, `lost`.
pub const METRIC_FOLLOWER_STATE: &str = "countersign.follower.state";
/// Metric: connections of the pool, by state: `in_use`, `idle`, `waiting`.
pub const METRIC_POOL: &str = "countersign.pool.connections";
/// Attribute: a condition of readiness.
pub const CONDITION: &str = "countersign.condition";
/// Metric: 1 while this replica is ready, else 0.
pub const METRIC_READY: &str = "countersign.ready";
/// Metric: 1 while calls should come to this replica, else 0.
pub const METRIC_SERVING: &str = "countersign.serving";
/// Metric: 1 while a condition of readiness holds, else 0.
pub const METRIC_CONDITION: &str = "countersign.condition";
/// Metric: users for whom MFA is demanded, enrolled, pending …, of the whole tree.
pub const METRIC_ADOPTION: &str = "countersign.adoption.users";
/// Metric: when this replica's certificate ends, in seconds since 1970.
pub const METRIC_CERTIFICATE_END: &str = "countersign.certificate.not_after";
/// Attribute: `traces`, `logs`, `metrics`.
pub const SIGNAL: &str = "countersign.signal";
/// Metric: spans, log records and reports of metrics that no collector got, by signal and cause.
pub const METRIC_TELEMETRY_LOST: &str = "countersign.telemetry.lost";
