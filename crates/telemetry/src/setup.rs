//! Beginning to tell: log lines on stderr, metrics for whoever asks, and all three signals to a collector where one is named.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::export::{ExportError, Exports};
use crate::logs::{LogFormat, WithService, json};

/// What is logged when `RUST_LOG` says nothing. Statements are spans for traces, not for log lines.
const DEFAULT_FILTER: &str = "info,store::sql=off,h2=warn,hyper=warn,tower=warn,rustls=warn";
/// What goes to a collector. What the exporter itself does must not be exported: it would never end.
const EXPORTED: &str = "info,opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,rustls=off";

/// What a process tells, and to whom.
#[derive(Debug, Clone)]
pub struct TelemetryOptions {
    /// Who tells: `service.name`.
    pub service: &'static str,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// A collector's OTLP/gRPC endpoint, such as `http://127.0.0.1:4317`.
    pub otlp_endpoint: Option<String>,
    /// The share of traces begun here that are told, 0 to 1. What a caller samples is always told.
    pub trace_ratio: f64,
}

impl TelemetryOptions {
    /// Log lines and metrics; nothing leaves the process by itself.
    #[must_use]
    pub const fn local(service: &'static str, log_format: LogFormat) -> Self {
        Self { service, log_format, otlp_endpoint: None, trace_ratio: 1.0 }
    }

    /// Whether [`start`] would take them; begins nothing. Within a tokio runtime.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<(), ExportError> {
        crate::export::check(self)
    }
}

/// What was begun. Keep it, and end it with [`Telemetry::shutdown`], so that what was told last arrives.
#[derive(Debug)]
#[must_use = "what was told last arrives only when it is shut down"]
pub struct Telemetry {
    exports: Exports,
}

impl Telemetry {
    /// Hands over what is left, all signals at once, for a few seconds at most. Blocks; call it last.
    pub fn shutdown(self) {
        self.exports.shutdown();
    }
}

/// Begins, first thing in a process; within a tokio runtime where a collector is named. A second call in one process changes
/// nothing but the metrics' exporter.
///
/// With [`LogFormat::Json`] a panic is a log line, too: where it happened, but not its text, which may hold anything.
///
/// # Errors
/// The collector's endpoint cannot be read. A collector that does not answer is no error.
pub fn start(options: &TelemetryOptions) -> Result<Telemetry, ExportError> {
    let exports = Exports::build(options)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match options.log_format {
        LogFormat::Json => lines
            .json()
            .event_format(WithService { service: options.service, inner: json() })
            .with_filter(filter)
            .boxed(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
    };
    let set = tracing_subscriber::registry()
        .with(lines)
        .with(exports.trace_layer().map(|layer| layer.with_filter(EnvFilter::new(EXPORTED))))
        .with(exports.log_layer().map(|layer| layer.with_filter(EnvFilter::new(EXPORTED))))
        .try_init();
    if set.is_ok() && options.log_format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panicked");
        }));
    }
    Ok(Telemetry { exports })
}

/// Begins log lines alone, for tools. A second call in one process changes nothing.
pub fn init(service: &'static str, format: LogFormat) {
    // Without a collector nothing can be wrong, and nothing is left to hand over.
    drop(start(&TelemetryOptions::local(service, format)));
}
