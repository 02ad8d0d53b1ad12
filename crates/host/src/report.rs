//! What a service says about itself: each condition of its readiness, and what stands in its way.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use types::ServiceName;

/// A report that is older than this says nothing any more.
const FRESH: Duration = Duration::from_secs(15);

/// One condition of readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// What it is about.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// Whether calls should go elsewhere while it fails. Where not, calls are answered, and those that rest on it are refused.
    pub stops_calls: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Condition {
    /// A condition without which this replica is of no use to any call.
    pub(crate) fn of(name: &'static str, obstacle: Option<String>) -> Self {
        Self { name, ok: obstacle.is_none(), stops_calls: true, reason: obstacle }
    }

    /// A condition that is looked at again by what rests on it, and that may fail in every replica at once.
    pub(crate) fn for_operators(name: &'static str, obstacle: Option<String>) -> Self {
        Self { stops_calls: false, ..Self::of(name, obstacle) }
    }
}

/// All conditions at one moment. Ready is who has none that fails; calls are taken while none fails that stops them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Who says so.
    pub service: &'static str,
    /// Whether every condition holds.
    pub ready: bool,
    /// Whether calls should come here: every condition holds that would stop them.
    pub serving: bool,
    /// The conditions, those that the others rest on first.
    pub conditions: Vec<Condition>,
}

impl Report {
    pub(crate) fn new(service: ServiceName, conditions: Vec<Condition>) -> Self {
        let ready = conditions.iter().all(|condition| condition.ok);
        let serving = conditions.iter().all(|condition| condition.ok || !condition.stops_calls);
        Self { service: service.as_str(), ready, serving, conditions }
    }
}

/// Where the present report hangs. Clones are the same board.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    service: ServiceName,
    report: watch::Sender<(Report, Instant)>,
}

impl Board {
    /// A board of a service that only begins.
    pub(crate) fn new(service: ServiceName) -> Self {
        let starting = Condition::of("started", Some("the service is starting".to_owned()));
        let report = Report::new(service, vec![starting]);
        Self { service, report: watch::Sender::new((report, Instant::now())) }
    }

    pub(crate) fn hang(&self, conditions: Vec<Condition>) {
        self.report.send_replace((Report::new(self.service, conditions), Instant::now()));
    }

    /// The present report. One that nobody has renewed is a condition that fails: whoever looks has come to a stop.
    pub(crate) fn report(&self) -> Report {
        let (report, at) = self.report.borrow().clone();
        if at.elapsed() < FRESH || !report.serving {
            return report;
        }
        let stale = format!("nobody has looked for {} s", at.elapsed().as_secs());
        let mut conditions = report.conditions;
        conditions.push(Condition::of("looked_at", Some(stale)));
        Report::new(self.service, conditions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_report_is_as_good_as_its_worst_condition_and_does_not_keep() {
        let board = Board::new(ServiceName::Mfa);
        assert!(!board.report().ready);
        let clock = || Condition::for_operators("clock", Some("no".into()));
        board.hang(vec![Condition::of("database", None), clock()]);
        let text = serde_json::to_string(&board.report()).unwrap();
        assert_eq!(
            text,
            r#"{"service":"mfa","ready":false,"serving":true,"conditions":[{"name":"database","ok":true,"stops_calls":true},{"name":"clock","ok":false,"stops_calls":false,"reason":"no"}]}"#
        );
        tokio::time::advance(FRESH).await;
        assert!(!board.report().serving, "nobody knows whether it still does");
        board.hang(vec![Condition::of("database", Some("away".into())), clock()]);
        assert!(!board.report().serving);
        board.hang(vec![Condition::of("database", None)]);
        assert!(board.report().ready);
        tokio::time::advance(FRESH).await;
        let stale = board.report();
        assert!(!stale.ready && !stale.serving);
        assert_eq!(stale.conditions.last().unwrap().name, "looked_at");
    }
}
