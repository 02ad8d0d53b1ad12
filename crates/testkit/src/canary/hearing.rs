//! What the process says: log lines, spans with their fields, and what refusals say to callers.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Libraries that say much about frames and little else.
const WORDY: [&str; 5] = ["h2", "hyper", "hyper_util", "tower", "tonic"];

static HEARD: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGUN: Once = Once::new();
static EVERYTHING: AtomicBool = AtomicBool::new(false);
static NOTHING: AtomicBool = AtomicBool::new(false);

/// Listens to the libraries below ours at their most detailed, too. Before the first system of the process is started.
pub fn listen_to_everything() {
    EVERYTHING.store(true, Ordering::SeqCst);
}

/// Listens to nothing, and searches nothing at the end of a system: for measurements, which listening would slow down. Before the
/// first system of the process is started.
pub fn listen_to_nothing() {
    NOTHING.store(true, Ordering::SeqCst);
}

/// Whether anything is listened to and searched.
pub(super) fn is_on() -> bool {
    !NOTHING.load(Ordering::SeqCst)
}

/// Begins to listen, once a process. Where somebody else already does, log lines are theirs.
pub(super) fn begin() {
    if !is_on() {
        return;
    }
    BEGUN.call_once(|| {
        let mut targets = Targets::new().with_default(LevelFilter::TRACE);
        if !EVERYTHING.load(Ordering::SeqCst) {
            targets = targets.with_targets(WORDY.map(|library| (library, LevelFilter::WARN)));
        }
        drop(tracing_subscriber::registry().with(Ear.with_filter(targets)).try_init());
    });
}

/// How much was heard so far.
pub(super) fn position() -> usize {
    heard().len()
}

/// What was heard from a position on.
pub(super) fn since(position: usize) -> Vec<u8> {
    heard()[position..].to_vec()
}

/// Adds what somebody was told.
pub(super) fn add(what: &str, text: &[u8]) {
    if !is_on() {
        return;
    }
    let mut heard = heard();
    heard.extend_from_slice(what.as_bytes());
    heard.extend_from_slice(b" ");
    heard.extend_from_slice(text);
    heard.extend_from_slice(b"\n");
}

fn heard() -> std::sync::MutexGuard<'static, Vec<u8>> {
    HEARD.lock().expect("nobody panics in here")
}

struct Ear;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = Line::of(attributes.metadata());
        attributes.record(&mut line);
        line.end();
    }

    fn on_record(&self, span: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(span) else { return };
        let mut line = Line::of(metadata);
        values.record(&mut line);
        line.end();
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::of(event.metadata());
        event.record(&mut line);
        line.end();
    }
}

/// A line with every field, as it would be printed and as it is.
struct Line(String);

impl Line {
    fn of(metadata: &Metadata<'_>) -> Self {
        Self(format!("{} {}:", metadata.target(), metadata.name()))
    }

    fn end(self) {
        add("said", self.0.as_bytes());
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A number measured here, never one that somebody sent: a tenth of a second in microseconds looks like a code.
        if field.name() == telemetry::names::DURATION_US {
            return;
        }
        let _ = write!(self.0, " {field}={value:?}");
    }
}
