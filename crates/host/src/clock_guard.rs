//! Whether the service's clock is known to be right (R8).
//!
//! Codes, expiry and `enforce_from` all hang on the clock, so policy is not changed while nobody vouches for it. The guard
//! compares it with references from time to time; it never sets it, and never lends its own idea of the time to anybody.

mod reference;
mod steered;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use clock::SharedClock;
use fault::{Fault, Outcome, Reason};
use telemetry::names;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

pub use reference::{ClockReference, NoReading, Ntp, PostgreSql, Reading};
pub use steered::{ClockReferences, SteeredReference};
use verdict::Findings;
pub use verdict::{ClockVerdict, Mistrust};

/// How strict the guard is and how often it looks.
#[derive(Debug, Clone, Copy)]
pub struct ClockGuardOptions {
    /// The largest difference that is still right.
    pub tolerance: Duration,
    /// How often it looks while the clock is trusted.
    pub every: Duration,
    /// How often it looks while it is not, so that what was repaired is noticed soon.
    pub again: Duration,
    /// How long an answer of a reference vouches for the clock.
    pub fresh: Duration,
    /// How long a reference may take: what takes longer says too little about the present.
    pub longest: Duration,
}

impl Default for ClockGuardOptions {
    fn default() -> Self {
        Self {
            tolerance: Duration::from_secs(5),
            every: Duration::from_secs(10),
            again: Duration::from_secs(1),
            fresh: Duration::from_secs(60),
            longest: Duration::from_secs(2),
        }
    }
}

/// Watches the service's clock. Clones share what they know; with the last one the watching ends.
///
/// The clock is trusted while at least one reference has answered within [`ClockGuardOptions::fresh`] and none, asked last,
/// was further away than the tolerance. A disagreement stands until that reference says otherwise: falling silent does not
/// take it back. Nobody asked yet means not trusted.
#[derive(Debug, Clone)]
pub struct ClockGuard {
    findings: watch::Receiver<Findings>,
    options: ClockGuardOptions,
    _watching: Arc<Watching>,
}

#[derive(Debug)]
struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ClockGuard {
    /// Looks now, and from then on. Needs a runtime.
    #[must_use]
    pub fn spawn(
        clock: SharedClock,
        references: Vec<Arc<dyn ClockReference>>,
        options: ClockGuardOptions,
    ) -> Self {
        let (sender, findings) = watch::channel(Findings::of(references.len()));
        let watching = tokio::spawn(watch_clock(clock, references, options, sender));
        Self { findings, options, _watching: Arc::new(Watching(watching.abort_handle())) }
    }

    /// Whether policy may be changed now. Asks nobody: it judges what was found last, and how long ago.
    ///
    /// # Errors
    /// CLOCK_NOT_TRUSTED.
    pub fn trusted(&self) -> Outcome<()> {
        match self.verdict() {
            Ok(()) => Ok(()),
            Err(mistrust) => Err(Fault::new(Reason::ClockNotTrusted).with_cause(mistrust)),
        }
    }

    /// The same with the reason, for readiness, logs and metrics.
    ///
    /// # Errors
    /// Why the clock is not trusted.
    pub fn verdict(&self) -> ClockVerdict {
        self.findings.borrow().verdict(Instant::now(), &self.options)
    }

    /// How far each reference that answered lately is ahead of the clock.
    #[must_use]
    pub fn differences(&self) -> Vec<(&'static str, time::Duration)> {
        self.findings.borrow().differences(Instant::now(), &self.options)
    }

    /// Waits until every reference was asked once, whatever it said.
    pub async fn looked(&self) {
        let mut findings = self.findings.clone();
        // An error means that the watching has ended: then nobody will look any more.
        drop(findings.wait_for(Findings::looked).await);
    }
}

async fn watch_clock(
    clock: SharedClock,
    references: Vec<Arc<dyn ClockReference>>,
    options: ClockGuardOptions,
    findings: watch::Sender<Findings>,
) {
    let mut before: Option<ClockVerdict> = None;
    loop {
        for (index, reference) in references.iter().enumerate() {
            let reading = match timeout(options.longest, reference.read(&*clock)).await {
                Ok(reading) => reading,
                Err(_) => Err(NoReading::TooSlow),
            };
            report_reading(&**reference, &reading);
            let now = Instant::now();
            findings.send_modify(|findings| findings.note(index, reference.name(), reading, now));
        }
        findings.send_modify(Findings::complete);
        let verdict = findings.borrow().verdict(Instant::now(), &options);
        if before.as_ref() != Some(&verdict) {
            report_verdict(&verdict);
        }
        sleep(if verdict.is_ok() { options.every } else { options.again }).await;
        before = Some(verdict);
    }
}

fn report_reading(reference: &dyn ClockReference, reading: &Result<Reading, NoReading>) {
    match reading {
        Ok(reading) => tracing::debug!(
            { names::CLOCK_REFERENCE } = reference.name(),
            { names::METRIC_CLOCK_DIFFERENCE } = reading.difference().as_seconds_f64(),
            "the clock was compared"
        ),
        Err(error) => tracing::debug!(
            { names::CLOCK_REFERENCE } = reference.name(),
            %error,
            "a reference of the clock does not answer"
        ),
    }
}

fn report_verdict(verdict: &ClockVerdict) {
    match verdict {
        Ok(()) => tracing::info!({ names::METRIC_CLOCK_TRUSTED } = 1, "the clock is trusted"),
        Err(mistrust) => tracing::error!(
            { names::METRIC_CLOCK_TRUSTED } = 0,
            %mistrust,
            "the clock is not trusted: policy cannot be changed"
        ),
    }
}

#[cfg(test)]
mod tests;
