//! Log lines: JSON for machines, text for people, always on stderr.

use std::fmt;
use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, Writer};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::names;

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,h2=warn,hyper=warn,tower=warn,rustls=warn";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be json or text"),
        }
    }
}

/// Begins logging to stderr, filtered by `RUST_LOG` (default: `info`). Call it first thing in `main`; a second call in one
/// process changes nothing.
///
/// With [`LogFormat::Json`] a panic is a log line, too: where it happened, but not its text, which may hold anything.
pub fn init(service: &'static str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Json => {
            logs.json().event_format(WithService { service, inner: json() }).finish().try_init()
        }
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
    };
    if set.is_ok() && format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panicked");
        }));
    }
}

/// The fields of the event and of the innermost span, side by side with time, level and target.
fn json() -> Format<Json> {
    tracing_subscriber::fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(true)
}

/// The library's JSON line with the service's name put in front.
struct WithService {
    service: &'static str,
    inner: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for WithService
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, "{{\"{}\":\"{}\",{rest}", names::SERVICE, self.service),
            None => writer.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_holds_service_level_target_message_fields_and_trace_id() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .event_format(WithService { service: "mfa", inner: json() })
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("rpc", trace_id = "4bf92f35").entered();
            tracing::warn!(attempt = 3, "a \"quoted\"\nmessage");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["service"], "mfa");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "a \"quoted\"\nmessage");
        assert_eq!(line["attempt"], 3);
        assert_eq!(line["spans"][0]["trace_id"], "4bf92f35");
        assert!(line["timestamp"].is_string() && line["target"].is_string());
        assert_eq!(text.matches('\n').count(), 1);
    }
}
