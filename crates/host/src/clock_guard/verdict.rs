//! What the references said, and what follows from it. Pure: no waiting, no clock.

use std::time::Duration;

use tokio::time::Instant;

use super::{ClockGuardOptions, NoReading, Reading};

/// Whether the clock is trusted, and if not, why.
pub type ClockVerdict = Result<(), Mistrust>;

/// Why the clock is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistrust {
    /// No reference has said anything lately.
    #[error("no reference of the clock has answered within {} s", within.as_secs())]
    Unconfirmed {
        /// How long an answer counts.
        within: Duration,
    },
    /// A reference disagrees.
    #[error("{reference} is {difference} away from the service's clock")]
    Different {
        /// Which.
        reference: &'static str,
        /// How far it is ahead, in whole seconds: what is logged must not change with every look.
        difference: time::Duration,
    },
}

/// What is known of all references.
#[derive(Debug)]
pub(super) struct Findings {
    references: Vec<Finding>,
    looked: bool,
}

/// What is known of one reference: nothing, until it answers.
#[derive(Debug, Clone, Copy, Default)]
struct Finding {
    last: Option<(&'static str, time::Duration, Instant)>,
}

impl Findings {
    /// Nothing is known of so many references.
    pub(super) fn of(references: usize) -> Self {
        Self { references: vec![Finding::default(); references], looked: false }
    }

    /// Takes in what a reference said. Silence changes nothing: what it said before grows old.
    pub(super) fn note(
        &mut self,
        index: usize,
        name: &'static str,
        reading: Result<Reading, NoReading>,
        now: Instant,
    ) {
        if let (Some(finding), Ok(reading)) = (self.references.get_mut(index), reading) {
            finding.last = Some((name, reading.difference(), now));
        }
    }

    /// Every reference has been asked.
    pub(super) fn complete(&mut self) {
        self.looked = true;
    }

    /// Whether every reference has been asked.
    pub(super) fn looked(&self) -> bool {
        self.looked
    }

    /// What the references said that still counts at a moment.
    pub(super) fn differences(
        &self,
        now: Instant,
        options: &ClockGuardOptions,
    ) -> Vec<(&'static str, time::Duration)> {
        let fresh = |at| now.saturating_duration_since(at) <= options.fresh;
        let last = self.references.iter().filter_map(|finding| finding.last);
        last.filter(|(.., at)| fresh(*at)).map(|(name, difference, _)| (name, difference)).collect()
    }

    /// What follows at a moment.
    pub(super) fn verdict(&self, now: Instant, options: &ClockGuardOptions) -> ClockVerdict {
        let answers = || self.references.iter().filter_map(|finding| finding.last);
        if let Some((reference, difference, _)) =
            answers().find(|(_, difference, _)| difference.unsigned_abs() > options.tolerance)
        {
            let difference = time::Duration::seconds(difference.whole_seconds());
            return Err(Mistrust::Different { reference, difference });
        }
        if answers().any(|(_, _, at)| now.saturating_duration_since(at) <= options.fresh) {
            Ok(())
        } else {
            Err(Mistrust::Unconfirmed { within: options.fresh })
        }
    }
}
