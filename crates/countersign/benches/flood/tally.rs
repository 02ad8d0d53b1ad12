//! What became of many calls.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::reason;
use tonic::Status;

/// Answers by their reason, with the time each took.
#[derive(Default)]
pub(crate) struct Tally {
    answers: BTreeMap<String, Vec<Duration>>,
}

impl Tally {
    pub(crate) fn add<T>(&mut self, elapsed: Duration, outcome: Result<T, Status>) {
        let name = outcome.map_or_else(reason, |_| "OK".to_owned());
        self.answers.entry(name).or_default().push(elapsed);
    }

    pub(crate) fn sum(tallies: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::default();
        for (name, times) in tallies.into_iter().flat_map(|tally| tally.answers) {
            sum.answers.entry(name).or_default().extend(times);
        }
        sum
    }

    /// How many were looked at.
    pub(crate) fn served(&self) -> usize {
        ["OK", "SIGN_IN_REFUSED"].iter().filter_map(|name| self.answers.get(*name)).map(Vec::len).sum()
    }

    pub(crate) fn print(self, whose: &str) {
        println!("{whose}:");
        for (name, times) in self.answers {
            println!("    {name}: {}", percentiles(times));
        }
    }
}

/// Number, median, 99th percentile and maximum.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else { return "none".to_owned() };
    let at = |share: usize| times[last * share / 100];
    format!("n={} p50={:.1?} p99={:.1?} max={:.1?}", times.len(), at(50), at(99), times[last])
}
