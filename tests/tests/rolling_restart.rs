//! Every replica of every service is stopped and started in turn while people sign in: nobody notices.
//!
//! `ROLLING_RESTART_SECONDS` says for how long (else a little more than once around).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clock::{Clock as _, ManualClock};
use countersign_tests::{Person, persistently};
use proto::identity::GetCurrentUserRequest;
use testkit::{Console, TestSystem, Tree, as_user};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use types::ServiceName;

const REPLICAS: usize = 2;
const PEOPLE: usize = 8;
const SERVICES: [ServiceName; 3] = [ServiceName::Tenant, ServiceName::Identity, ServiceName::Mfa];
/// How long a client repeats what may be repeated.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: time::Duration = time::Duration::seconds(30);
const USUAL_SECONDS: u64 = 20;

/// People who sign in, all in every time step, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    signed_in: Arc<AtomicUsize>,
    task: JoinHandle<Vec<Status>>,
}

impl Load {
    fn start(console: Console, clock: ManualClock, people: Vec<Person>) -> Self {
        let (stop, signed_in) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&signed_in));
        let task = tokio::spawn(async move {
            let mut failures = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                let mut round = JoinSet::new();
                for person in &people {
                    let (console, person, now) = (console.clone(), person.clone(), clock.now());
                    round.spawn(async move { sign_in(&console, &person, now).await });
                }
                for outcome in round.join_all().await {
                    match outcome {
                        Ok(()) => drop(counted.fetch_add(1, Ordering::SeqCst)),
                        Err(status) => failures.push(status),
                    }
                }
                clock.advance(STEP);
            }
            failures
        });
        Self { stop, signed_in, task }
    }

    fn count(&self) -> usize {
        self.signed_in.load(Ordering::SeqCst)
    }

    /// What failed.
    async fn end(self) -> Vec<Status> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("the load does not break")
    }
}

/// All of a sign-in, and a look at what the session is good for.
async fn sign_in(console: &Console, person: &Person, now: clock::Timestamp) -> Result<(), Status> {
    let session = person.sign_in(console, &person.authenticator.code(now), PATIENCE).await?;
    persistently(PATIENCE, &console.sessions, &session, |mut client, session| async move {
        client.get_current_user(as_user(&session, GetCurrentUserRequest {})).await
    })
    .await
    .map(drop)
}

/// Waits as a cluster does before it goes on to the next.
async fn until_ready(system: &TestSystem, replica: usize, service: usize) {
    let mut health = HealthClient::new(system.channels_of(replica, "operator")[service].clone());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = health.check(HealthCheckRequest { service: String::new() }).await;
        if answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving) {
            return;
        }
        assert!(Instant::now() < deadline, "replica {replica} of {} is not ready", SERVICES[service]);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_every_replica_is_replaced_in_turn() {
    let seconds = std::env::var("ROLLING_RESTART_SECONDS").ok();
    let seconds = seconds.map_or(USUAL_SECONDS, |text| text.parse().expect("a number of seconds"));
    let mut system = TestSystem::with_replicas(REPLICAS).await;
    let tree = Tree::plant(&system).await;
    let people = Person::enrolled(&system, &tree, PEOPLE).await;
    for replica in 0..REPLICAS {
        for service in 0..SERVICES.len() {
            until_ready(&system, replica, service).await;
        }
    }
    let load = Load::start(system.console_of_all(), system.clock.clone(), people);
    let (begun, mut replaced) = (Instant::now(), 0);
    // Once around in any case.
    'around: loop {
        for replica in 0..REPLICAS {
            for (index, service) in SERVICES.into_iter().enumerate() {
                let before = load.count();
                system.stop(replica, service).await;
                // Somebody signs in without it.
                let deadline = Instant::now() + PATIENCE;
                while load.count() == before {
                    assert!(
                        Instant::now() < deadline,
                        "nobody signs in without replica {replica} of {service}"
                    );
                    sleep(Duration::from_millis(10)).await;
                }
                system.restart(replica, service).await;
                until_ready(&system, replica, index).await;
                replaced += 1;
                let is_around = replaced >= REPLICAS * SERVICES.len();
                if is_around && begun.elapsed() >= Duration::from_secs(seconds) {
                    break 'around;
                }
            }
        }
    }
    let signed_in = load.count();
    let failures = load.end().await;
    assert!(
        failures.is_empty(),
        "{} of {signed_in} sign-ins failed while {replaced} replicas were replaced, the first: {:?}",
        failures.len(),
        failures.first()
    );
    assert!(signed_in >= PEOPLE * 2);
}
