//! Whether a service can do its work, and telling so: to callers (`grpc.health.v1`) whether calls should come to this replica, to those who operate
//! it everything.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use eventlog::{FollowerState, SequencerState};
use rpc::{OwnCertificate, Readiness};
use store::{SchemaNeed, Store};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock_guard::ClockGuard;
use crate::keys::Standing;
use crate::report::{Board, Condition};

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// How often the schema is looked at once it was right: nobody takes migrations back under a running service.
const SCHEMA_EVERY: Duration = Duration::from_secs(30);

/// A question about readiness beyond what every service has. Its answer: what stands in the way.
pub(crate) type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;

/// What a service's readiness depends on. That other services answer is not among it: they come and go.
pub(crate) struct Conditions {
    pub(crate) board: Board,
    pub(crate) store: Store,
    pub(crate) schema: Vec<SchemaNeed>,
    pub(crate) keys: watch::Receiver<Standing>,
    pub(crate) certificate: OwnCertificate,
    pub(crate) sequencer: watch::Receiver<SequencerState>,
    pub(crate) clock_guard: ClockGuard,
    pub(crate) followers: Vec<watch::Receiver<FollowerState>>,
    pub(crate) checks: Vec<(&'static str, Check)>,
    /// True once the service is told to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Conditions {
    /// Keeps readiness true while nothing stops calls, until the service is told to stop; then it is false for good. Says
    /// in the log what fails, once, when that changes.
    pub(crate) async fn watch(self, readiness: Readiness) {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => {}
            never = self.watch_on(&readiness) => match never {},
        }
        readiness.set(false);
        self.board.hang(vec![Condition::of("stopping", Some("the service was told to stop".to_owned()))]);
    }

    async fn watch_on(&self, readiness: &Readiness) -> std::convert::Infallible {
        // Nothing at first, so that a service that is ready at once says so, too.
        let mut told: Option<Vec<Condition>> = None;
        let mut schema = Schema::default();
        loop {
            let conditions = self.look(&mut schema).await;
            let failing: Vec<_> = conditions.iter().filter(|condition| !condition.ok).cloned().collect();
            readiness.set(!failing.iter().any(|condition| condition.stops_calls));
            self.board.hang(conditions);
            if told.as_ref() != Some(&failing) {
                for Condition { name, reason, stops_calls, .. } in &failing {
                    tracing::warn!(condition = name, reason, stops_calls, "not ready");
                }
                if failing.is_empty() {
                    tracing::info!("ready");
                }
                told = Some(failing);
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Every condition. What rests on the database is not asked for where that does not answer. Log, clock and followers do not stop
    /// calls: each fails in all replicas at once, and what rests on it refuses by itself.
    async fn look(&self, schema: &mut Schema) -> Vec<Condition> {
        let database = self.store.ping().await;
        let answers = database.is_ok();
        let no_answer = || Some("the database does not answer".to_owned());
        let mut conditions = vec![
            Condition::of("stopping", None),
            Condition::of("database", database.err().and_then(|_| no_answer())),
            Condition::of("schema", if answers { self.schema(schema).await } else { no_answer() }),
            Condition::of("keys", keys(&self.keys.borrow())),
            Condition::of("certificates", certificate(self.certificate.validity(), SystemTime::now())),
            Condition::for_operators("log", log(*self.sequencer.borrow())),
            Condition::for_operators(
                "clock",
                self.clock_guard.verdict().err().map(|mistrust| mistrust.to_string()),
            ),
            Condition::for_operators("followers", in_need_of_an_operator(&self.followers)),
        ];
        for (name, check) in &self.checks {
            conditions.push(Condition::of(name, if answers { check().await } else { no_answer() }));
        }
        conditions
    }

    async fn schema(&self, known: &mut Schema) -> Option<String> {
        if known.right_at.is_some_and(|at| at.elapsed() < SCHEMA_EVERY) {
            return None;
        }
        match self.store.schema_lack(&self.schema).await {
            Ok(None) => {
                known.right_at = Some(Instant::now());
                None
            }
            Ok(Some(lack)) => Some(lack.to_string()),
            Err(_) => Some("the database does not answer".to_owned()),
        }
    }
}

/// What is known of the schema.
#[derive(Default)]
struct Schema {
    right_at: Option<Instant>,
}

fn keys(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Usable => None,
        Standing::Unknown => Some("the keys are not known yet to fit what is stored".to_owned()),
        Standing::Refused(refused) => Some(refused.to_string()),
    }
}

fn log(state: SequencerState) -> Option<String> {
    match state {
        SequencerState::Leading | SequencerState::Standby => None,
        SequencerState::Connecting => Some("the sequencer has no connection".to_owned()),
        SequencerState::Stopped(cause) => {
            Some(format!("the database was restored ({cause:?}): the log must be re-baselined"))
        }
    }
}

/// The certificate by the machine's own time, as TLS looks at it, too.
fn certificate((begins, ends): (i64, i64), now: SystemTime) -> Option<String> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let at = |seconds| {
        let time = time::OffsetDateTime::from_unix_timestamp(seconds);
        time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
    };
    if now < begins {
        Some(format!("this service's certificate is valid from {}", at(begins)))
    } else if now >= ends {
        Some(format!("this service's certificate ended at {}", at(ends)))
    } else {
        None
    }
}

fn in_need_of_an_operator(followers: &[watch::Receiver<FollowerState>]) -> Option<String> {
    let states = followers.iter().map(|follower| follower.borrow().clone());
    match states.into_iter().find(FollowerState::needs_operator)? {
        FollowerState::Blocked(blocked) => Some(format!(
            "{}'s event {} ({}) at position {} cannot be applied",
            blocked.log, blocked.event_id, blocked.event_type, blocked.position
        )),
        FollowerState::Lost { log, reason } => {
            Some(format!("{log}'s log cannot be followed any further: {reason}"))
        }
        state => Some(format!("a log is not followed: {state:?}")),
    }
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
        assert_eq!(
            in_need_of_an_operator(&followers).unwrap(),
            "tenant's event 0193 (tenant.organization.created) at position 7 cannot be applied"
        );
        second.send_replace(FollowerState::Following);
        assert_eq!(in_need_of_an_operator(&followers), None);
    }

    #[test]
    fn a_certificate_is_good_between_its_times_and_says_which_it_misses() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(certificate((10, 20), at(10)), None);
        assert_eq!(certificate((10, 20), at(19)), None);
        let ended = certificate((10, 20), at(20)).unwrap();
        assert_eq!(ended, "this service's certificate ended at 1970-01-01 0:00:20.0 +00:00:00");
        assert!(certificate((10, 20), at(9)).unwrap().contains("valid from 1970-01-01 0:00:10.0"));
        // What could not be read.
        assert!(certificate((0, 0), at(5)).is_some());
    }
}
