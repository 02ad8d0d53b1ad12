//! Log lines: JSON for machines, text for people, always on stderr.

use std::fmt;
use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::names;

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

/// The fields of the event and of the innermost span, side by side with time, level and target.
pub(crate) fn json() -> Format<Json> {
    tracing_subscriber::fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(true)
}

/// The library's JSON line with the service's name put in front.
pub(crate) struct WithService {
    pub(crate) service: &'static str,
    pub(crate) inner: Format<Json>,
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
