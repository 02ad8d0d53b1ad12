//! Whether a service can do its work, and telling so to `grpc.health.v1` and to those who operate it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use eventlog::{FollowerState, SequencerState};
use rpc::Readiness;
use store::Store;
use tokio::sync::watch;

use crate::clock_guard::ClockGuard;
use crate::keys::Standing;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A question about readiness beyond what every service has.
pub(crate) type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What a service's readiness depends on. That other services answer is not among it: they come and go.
pub(crate) struct Conditions {
    pub(crate) store: Store,
    pub(crate) keys: watch::Receiver<Standing>,
    pub(crate) sequencer: watch::Receiver<SequencerState>,
    pub(crate) clock_guard: ClockGuard,
    pub(crate) followers: Vec<watch::Receiver<FollowerState>>,
    pub(crate) checks: Vec<Check>,
}

/// Why a service is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    /// Its log is not ordered: neither by this replica's sequencer nor by another's.
    Log(SequencerState),
    /// Its clock is not known to be right.
    Clock,
    /// A log it follows needs an operator: what was decided there would not hold here.
    Follower(FollowerState),
    /// Its database does not answer.
    Database,
    /// Its keys are not known to fit what is stored.
    Keys,
    /// What the service itself asked for; it says by itself what that is.
    Check,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(state) => write!(formatter, "the log is not being ordered: {state:?}"),
            Self::Clock => formatter.write_str("the clock is not known to be right"),
            Self::Follower(FollowerState::Blocked(blocked)) => write!(
                formatter,
                "{}'s event {} ({}) at position {} cannot be applied",
                blocked.log, blocked.event_id, blocked.event_type, blocked.position
            ),
            Self::Follower(FollowerState::Lost { log, reason }) => {
                write!(formatter, "{log}'s log cannot be followed any further: {reason}")
            }
            Self::Follower(state) => write!(formatter, "a log is not followed: {state:?}"),
            Self::Database => formatter.write_str("the database does not answer"),
            Self::Keys => formatter.write_str("the keys are not known to be the right ones"),
            Self::Check => formatter.write_str("a condition of the service's own does not hold"),
        }
    }
}

impl Conditions {
    /// Keeps readiness true while nothing stands in the way, and says in the log what does, once, when that changes.
    pub(crate) async fn watch(self, readiness: Readiness) {
        // Nothing at first, so that a service that is ready at once says so, too.
        let mut told: Option<Option<Obstacle>> = None;
        loop {
            let obstacle = self.obstacle().await;
            readiness.set(obstacle.is_none());
            if told.as_ref() != Some(&obstacle) {
                match &obstacle {
                    Some(obstacle) => tracing::warn!(%obstacle, "not ready"),
                    None => tracing::info!("ready"),
                }
                told = Some(obstacle);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// What stands in the way, the first of it.
    async fn obstacle(&self) -> Option<Obstacle> {
        if self.store.ping().await.is_err() {
            return Some(Obstacle::Database);
        }
        if *self.keys.borrow() != Standing::Usable {
            return Some(Obstacle::Keys);
        }
        let state = *self.sequencer.borrow();
        if !matches!(state, SequencerState::Leading | SequencerState::Standby) {
            return Some(Obstacle::Log(state));
        }
        if self.clock_guard.verdict().is_err() {
            return Some(Obstacle::Clock);
        }
        if let Some(state) = in_need_of_an_operator(&self.followers) {
            return Some(Obstacle::Follower(state));
        }
        for check in &self.checks {
            if !check().await {
                return Some(Obstacle::Check);
            }
        }
        None
    }
}

fn in_need_of_an_operator(followers: &[watch::Receiver<FollowerState>]) -> Option<FollowerState> {
    followers.iter().map(|follower| follower.borrow().clone()).find(FollowerState::needs_operator)
}

#[cfg(test)]
mod tests {
    use eventlog::Blocked;
    use types::ServiceName;

    use super::*;

    #[test]
    fn a_blocked_follower_stands_in_the_way_and_an_interrupted_one_does_not() {
        let (_first, interrupted) = watch::channel(FollowerState::Interrupted);
        let (second, follower) = watch::channel(FollowerState::Following);
        let followers = [interrupted, follower];
        assert_eq!(in_need_of_an_operator(&followers), None);
        let blocked = Blocked {
            log: ServiceName::Tenant,
            position: 7,
            event_id: "0193".to_owned(),
            event_type: "tenant.organization.created".to_owned(),
        };
        second.send_replace(FollowerState::Blocked(blocked));
        let obstacle = Obstacle::Follower(in_need_of_an_operator(&followers).unwrap());
        assert_eq!(
            obstacle.to_string(),
            "tenant's event 0193 (tenant.organization.created) at position 7 cannot be applied"
        );
        second.send_replace(FollowerState::Following);
        assert_eq!(in_need_of_an_operator(&followers), None);
    }
}
