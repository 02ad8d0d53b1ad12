//! What is measured of every service besides its calls and units of work. Looked at when metrics are read; nothing here waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eventlog::{FollowerState, Heard, Log, SequencerState};
use rpc::OwnCertificate;
use store::Store;
use telemetry::{KeyValue, metrics, names};
use tokio::sync::watch;
use types::ServiceName;

use crate::clock_guard::ClockGuard;
use crate::report::Board;

/// How often it is counted how many events have no position yet.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Nothing is known.
const UNKNOWN: i64 = -1;

/// A followed log, as its follower tells.
pub(crate) struct Followed {
    pub(crate) log: ServiceName,
    pub(crate) state: watch::Receiver<FollowerState>,
    pub(crate) heard: Heard,
}

/// What is looked at.
pub(crate) struct Measures {
    pub(crate) board: Board,
    pub(crate) store: Store,
    pub(crate) certificate: OwnCertificate,
    pub(crate) sequencer: watch::Receiver<SequencerState>,
    pub(crate) clock_guard: ClockGuard,
    pub(crate) followers: Vec<Followed>,
    pub(crate) log: Log,
}

impl Measures {
    /// Registers all of it, and counts for as long as this is polled.
    pub(crate) async fn tell(self) {
        let lag = Arc::new(AtomicI64::new(UNKNOWN));
        readiness(self.board);
        pool(self.store);
        certificate(self.certificate);
        clock(self.clock_guard);
        followers(self.followers);
        sequencer(self.sequencer, Arc::clone(&lag));
        loop {
            let unplaced = self.log.unplaced().await.unwrap_or(UNKNOWN);
            lag.store(unplaced, Ordering::Relaxed);
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }
}

fn readiness(board: Board) {
    let (conditions, serving) = (board.clone(), board.clone());
    metrics::observe(names::METRIC_READY, "", "1 while this replica is ready", move |tell| {
        tell(truth(board.report().ready), &[]);
    });
    metrics::observe(names::METRIC_SERVING, "", "1 while calls should come to this replica", move |tell| {
        tell(truth(serving.report().serving), &[])
    });
    metrics::observe(
        names::METRIC_CONDITION,
        "",
        "1 while a condition of this replica's readiness holds",
        move |tell| {
            for condition in conditions.report().conditions {
                tell(truth(condition.ok), &[KeyValue::new(names::CONDITION, condition.name)]);
            }
        },
    );
}

fn pool(store: Store) {
    metrics::observe(names::METRIC_POOL, "", "Connections of the database's pool, by state", move |tell| {
        let pool = store.pool_state();
        for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle), ("waiting", pool.waiting)] {
            tell(number(count), &[KeyValue::new(names::STATE, state)]);
        }
    });
}

fn certificate(certificate: OwnCertificate) {
    metrics::observe(
        names::METRIC_CERTIFICATE_END,
        "s",
        "When this replica's certificate ends, in seconds since 1970",
        move |tell| tell(seconds(certificate.validity().1), &[]),
    );
}

fn clock(guard: ClockGuard) {
    let differing = guard.clone();
    metrics::observe(
        names::METRIC_CLOCK_TRUSTED,
        "",
        "1 while the clock is known to be right",
        move |tell| {
            tell(truth(guard.verdict().is_ok()), &[]);
        },
    );
    metrics::observe(
        names::METRIC_CLOCK_DIFFERENCE,
        "s",
        "How far a reference is ahead of the clock",
        move |tell| {
            for (reference, difference) in differing.differences() {
                tell(difference.as_seconds_f64(), &[KeyValue::new(names::CLOCK_REFERENCE, reference)]);
            }
        },
    );
}

fn followers(followers: Vec<Followed>) {
    let followers = Arc::new(followers);
    let heard = Arc::clone(&followers);
    metrics::observe(
        names::METRIC_FOLLOWER_STATE,
        "",
        "1 for the present state of a follower of another service's log",
        move |tell| {
            for Followed { log, state, .. } in followers.iter() {
                let present = follower_state(&state.borrow());
                for name in ["following", "interrupted", "blocked", "lost"] {
                    tell(truth(name == present), &[of_log(*log), KeyValue::new(names::STATE, name)]);
                }
            }
        },
    );
    metrics::observe(
        names::METRIC_FOLLOWER_AGE,
        "s",
        "How long ago a followed log last told how far it is",
        move |tell| {
            for Followed { log, heard, .. } in heard.iter() {
                if let Some(age) = heard.age() {
                    tell(age.as_secs_f64(), &[of_log(*log)]);
                }
            }
        },
    );
}

fn sequencer(state: watch::Receiver<SequencerState>, lag: Arc<AtomicI64>) {
    metrics::observe(
        names::METRIC_SEQUENCER_STATE,
        "",
        "1 for the present state of this replica's sequencer",
        move |tell| {
            let present = sequencer_state(*state.borrow());
            for name in ["connecting", "standby", "leading", "stopped"] {
                tell(truth(name == present), &[KeyValue::new(names::STATE, name)]);
            }
        },
    );
    metrics::observe(names::METRIC_SEQUENCER_LAG, "", "Events that have no position yet", move |tell| {
        match lag.load(Ordering::Relaxed) {
            UNKNOWN => {}
            known => tell(seconds(known), &[]),
        }
    });
}

fn follower_state(state: &FollowerState) -> &'static str {
    match state {
        FollowerState::Following => "following",
        FollowerState::Interrupted => "interrupted",
        FollowerState::Blocked(_) => "blocked",
        FollowerState::Lost { .. } => "lost",
    }
}

fn sequencer_state(state: SequencerState) -> &'static str {
    match state {
        SequencerState::Connecting => "connecting",
        SequencerState::Standby => "standby",
        SequencerState::Leading => "leading",
        SequencerState::Stopped(_) => "stopped",
    }
}

fn of_log(log: ServiceName) -> KeyValue {
    KeyValue::new(names::LOG, log.as_str())
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: no time and no count gets there")]
fn seconds(whole: i64) -> f64 {
    whole as f64
}
