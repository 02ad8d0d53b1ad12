//! What is measured. The instruments are made once, after [`crate::start`] has said where they lead; before that, and in
//! tests, they lead nowhere and cost next to nothing.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME,
};
use opentelemetry_semantic_conventions::metric::{RPC_CLIENT_CALL_DURATION, RPC_SERVER_CALL_DURATION};

use crate::names;

/// Upper bounds of the buckets for durations, in seconds: half a millisecond to ten seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

struct Instruments {
    server_calls: Histogram<f64>,
    client_calls: Histogram<f64>,
    units: Histogram<f64>,
    repetitions: Counter<u64>,
    events: Counter<u64>,
    hashes: Histogram<f64>,
    overload: Counter<u64>,
    lost: Counter<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter = meter();
    let seconds = |name: &'static str, description: &'static str| {
        meter
            .f64_histogram(name)
            .with_unit("s")
            .with_description(description)
            .with_boundaries(SECONDS.to_vec())
            .build()
    };
    let count = |name: &'static str, description: &'static str| {
        meter.u64_counter(name).with_description(description).build()
    };
    Instruments {
        server_calls: seconds(RPC_SERVER_CALL_DURATION, "How long a served call took"),
        client_calls: seconds(RPC_CLIENT_CALL_DURATION, "How long a call to another service took"),
        units: seconds(names::METRIC_UNIT_DURATION, "How long a unit of work took, repetitions included"),
        repetitions: count(names::METRIC_UNIT_REPETITIONS, "Units that PostgreSQL asked to repeat"),
        events: count(names::METRIC_EVENTS, "Events recorded, by type, outcome and reason"),
        hashes: seconds(names::METRIC_HASH_DURATION, "How long a password hash took, its turn included"),
        overload: count(names::METRIC_REFUSED_UNLOOKED, "Attempts refused without being looked at"),
        lost: count(
            names::METRIC_TELEMETRY_LOST,
            "Spans, log records and reports of metrics that no collector got",
        ),
    }
});

/// Where observed values are registered.
fn meter() -> Meter {
    global::meter("countersign")
}

/// A served call has ended. `code` is the gRPC code's name; `reason` is empty where it succeeded.
pub fn served(method: &'static str, code: &'static str, reason: &'static str, took: Duration) {
    INSTRUMENTS.server_calls.record(took.as_secs_f64(), &rpc(method, code, reason));
}

/// A call to another service has ended.
pub fn called(method: String, code: &'static str, took: Duration) {
    let attributes = [
        KeyValue::new(RPC_SYSTEM_NAME, "grpc"),
        KeyValue::new(RPC_METHOD, method),
        KeyValue::new(RPC_RESPONSE_STATUS_CODE, code),
    ];
    INSTRUMENTS.client_calls.record(took.as_secs_f64(), &attributes);
}

fn rpc(method: &'static str, code: &'static str, reason: &'static str) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(RPC_SYSTEM_NAME, "grpc"),
        KeyValue::new(RPC_METHOD, method.trim_start_matches('/')),
        KeyValue::new(RPC_RESPONSE_STATUS_CODE, code),
    ];
    if !reason.is_empty() {
        attributes.push(KeyValue::new(ERROR_TYPE, reason));
    }
    attributes
}

/// A unit of work has ended, whatever became of it.
pub fn unit_ended(name: &'static str, committed: bool, repetitions: u32, took: Duration) {
    let outcome = if committed { "committed" } else { "rolled_back" };
    let attributes = [KeyValue::new(names::UNIT, name), KeyValue::new(names::OUTCOME, outcome)];
    INSTRUMENTS.units.record(took.as_secs_f64(), &attributes);
    if repetitions > 0 {
        INSTRUMENTS.repetitions.add(u64::from(repetitions), &[KeyValue::new(names::UNIT, name)]);
    }
}

/// An event was recorded and committed. This is what verifications, locks, enrolments, sign-ins and all the rest are counted
/// by: `event_type`, `outcome` and `reason` are of closed lists.
pub fn recorded(event_type: &str, outcome: &'static str, reason: &str) {
    let mut attributes =
        vec![KeyValue::new(names::EVENT_TYPE, event_type.to_owned()), KeyValue::new(names::OUTCOME, outcome)];
    if !reason.is_empty() {
        attributes.push(KeyValue::new(names::REASON, reason.to_owned()));
    }
    INSTRUMENTS.events.add(1, &attributes);
}

/// A password was hashed or compared; the time counts from when it was asked for.
pub fn hashed(took: Duration) {
    INSTRUMENTS.hashes.record(took.as_secs_f64(), &[]);
}

/// An attempt was refused without being looked at. `cause`: `delayed`, `overloaded`, `locked`.
pub fn refused_unlooked(cause: &'static str) {
    INSTRUMENTS.overload.add(1, &[KeyValue::new(names::CAUSE, cause)]);
}

/// So much of `signal` (`traces`, `logs`, `metrics`) will reach no collector. `cause`: `queue_full`, `failed`.
pub(crate) fn telemetry_lost(signal: &'static str, cause: &'static str, count: u64) {
    let attributes = [KeyValue::new(names::SIGNAL, signal), KeyValue::new(names::CAUSE, cause)];
    INSTRUMENTS.lost.add(count, &attributes);
}

/// Registers a value that is looked at whenever metrics are read: it must answer at once. Registering lasts as long as the
/// process; make `look` hold what it looks at weakly where that may end earlier.
pub fn observe(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    look: impl Fn(&mut dyn FnMut(f64, &[KeyValue])) + Send + Sync + 'static,
) {
    let meter = meter();
    let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(description);
    gauge
        .with_callback(move |observer| look(&mut |value, attributes| observer.observe(value, attributes)))
        .build();
}
