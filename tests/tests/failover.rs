//! The primary database is lost under load and its synchronous standby promoted: the service resumes by itself, what was
//! acknowledged is there, and no code was accepted twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clock::Clock as _;
use countersign_tests::Person;
use local::postgres::{Options, Postgres};
use prost::Message as _;
use proto::events::Event;
use proto::events::event::Payload;
use testkit::{TestDatabase, TestSystem, Tree, reason};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

/// How many users sign in at the same time, once in every time step, before, while and after the primary dies.
const PEOPLE: usize = 20;
/// Replicas of each service.
const REPLICAS: usize = 2;
/// How long a client repeats what may be repeated.
const PATIENCE: Duration = Duration::from_secs(40);
const STEP: time::Duration = time::Duration::seconds(30);
const SERVICES: [&str; 3] = ["tenant", "identity", "mfa"];

/// A primary and a standby without whose word nothing is acknowledged.
struct Pair {
    primary: Postgres,
    standby: Postgres,
}

impl Pair {
    async fn start() -> Self {
        let primary = Postgres::start(Options::ephemeral()).await.unwrap();
        let standby = primary.start_standby("standby", Options::ephemeral()).await.unwrap();
        let superuser = connect(&primary.superuser_url("postgres")).await;
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"]
        {
            superuser.batch_execute(statement).await.unwrap();
        }
        let state = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while superuser.query_one(state, &[]).await.unwrap().get::<_, i64>(0) != 1 {
            assert!(Instant::now() < deadline, "the standby does not stream");
            sleep(Duration::from_millis(20)).await;
        }
        Self { primary, standby }
    }

    /// The superuser's URL that names both, the primary first.
    fn url(&self) -> String {
        let host = |server: &Postgres| format!("127.0.0.1:{}", server.port());
        let both = format!("{},{}", host(&self.primary), host(&self.standby));
        self.primary.superuser_url("postgres").replace(&host(&self.primary), &both)
    }

    /// The primary dies without a word.
    async fn kill_primary(&mut self) {
        let pid = self.primary.pid().to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
        assert!(killed.success());
        self.primary.wait().await.unwrap();
    }

    async fn promote_standby(&self) {
        let superuser = connect(&self.standby.superuser_url("postgres")).await;
        let promoted = superuser.query_one("SELECT pg_promote(true, 30)", &[]).await.unwrap();
        assert!(promoted.get::<_, bool>(0));
    }
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// An event in its place, as readers see it: position, id, leaf hash, and the stored bytes.
type Placed = (i64, String, Vec<u8>, Vec<u8>);

/// What readers have seen of a service's log.
async fn log_of(server: &Postgres, service: &str) -> Vec<Placed> {
    let client = connect(&server.superuser_url(&format!("countersign_{service}"))).await;
    placed_after(&client, 0).await.unwrap()
}

async fn placed_after(
    client: &tokio_postgres::Client,
    position: i64,
) -> Result<Vec<Placed>, tokio_postgres::Error> {
    let placed = "SELECT position, event_id::text, leaf_hash, envelope
        FROM event_position JOIN event USING (event_id) WHERE position > $1 ORDER BY position";
    let rows = client.query(placed, &[&position]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

/// Reads a log again and again, until the server is gone: everything that anybody could have been shown.
async fn read_on(url: String) -> Vec<Placed> {
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut seen: Vec<Placed> = Vec::new();
    while let Ok(more) = placed_after(&client, seen.last().map_or(0, |placed| placed.0)).await {
        seen.extend(more);
        sleep(Duration::from_millis(20)).await;
    }
    seen
}

/// Everybody signs in, all in every time step, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    signed_in: Arc<AtomicUsize>,
    /// The sessions that were acknowledged.
    task: JoinHandle<Vec<String>>,
}

impl Load {
    fn start(system: &TestSystem, people: &[Person]) -> Self {
        let (stop, signed_in) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&signed_in));
        let (console, clock, people) = (system.console_of_all(), system.clock.clone(), people.to_vec());
        let task = tokio::spawn(async move {
            let mut sessions = Vec::new();
            loop {
                let (mut round, now) = (JoinSet::new(), clock.now());
                for person in &people {
                    let (console, person, counted) = (console.clone(), person.clone(), Arc::clone(&counted));
                    round.spawn(async move {
                        let code = person.authenticator.code(now);
                        let session = person.sign_in(&console, &code, PATIENCE).await.unwrap();
                        counted.fetch_add(1, Ordering::SeqCst);
                        session.session_id
                    });
                }
                sessions.extend(round.join_all().await);
                // The codes of the last round are left for those who try them again.
                if stopped.load(Ordering::SeqCst) {
                    return sessions;
                }
                clock.advance(STEP);
            }
        });
        Self { stop, signed_in, task }
    }

    fn count(&self) -> usize {
        self.signed_in.load(Ordering::SeqCst)
    }

    /// Waits until so many more have signed in.
    async fn goes_on(&self, more: usize) {
        let (until, deadline) = (self.count() + more, Instant::now() + PATIENCE);
        while self.count() < until {
            assert!(Instant::now() < deadline, "nobody signs in");
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_primary_costs_time_and_nothing_else() {
    let mut pair = Pair::start().await;
    let url = pair.url();
    let databases = [
        TestDatabase::create_on(&url, "tenant", tenant::migrations).await,
        TestDatabase::create_on(&url, "identity", identity::migrations).await,
        TestDatabase::create_on(&url, "mfa", mfa::migrations).await,
    ];
    let system = TestSystem::on(databases, REPLICAS).await;
    let console = system.console_of_all();
    let tree = Tree::plant(&system).await;
    let people = Person::enrolled(&system, &tree, PEOPLE).await;
    let mut readers = HashMap::new();
    for service in SERVICES {
        let url = pair.primary.superuser_url(&format!("countersign_{service}"));
        readers.insert(service, tokio::spawn(read_on(url)));
    }

    // The primary dies in the middle of a round: some have signed in, the others are on their way.
    let load = Load::start(&system, &people);
    load.goes_on(PEOPLE + PEOPLE / 4).await;
    pair.kill_primary().await;
    // No database takes writes: there is an answer, and it is no session.
    assert_eq!(reason(console.start(&people[0].login).await.unwrap_err()), "DEPENDENCY_UNAVAILABLE");
    let mut seen = HashMap::new();
    for (service, reader) in readers {
        seen.insert(service, reader.await.unwrap());
    }
    pair.promote_standby().await;

    // Nobody is told anything, and everybody gets in, with the code they had, and goes on.
    load.goes_on(2 * PEOPLE).await;
    let sessions = load.end().await;
    assert_eq!(sessions.len() % PEOPLE, 0);
    let rounds = sessions.len() / PEOPLE;
    assert!(rounds >= 3, "{rounds}");
    // A code that was accepted is never accepted again.
    for person in &people {
        let again = person.sign_in(&console, &person.authenticator.code(system.now()), PATIENCE).await;
        assert_eq!(reason(again.unwrap_err()), "SIGN_IN_REFUSED");
    }
    system.clock.advance(STEP);

    // Every session that was acknowledged is there.
    let identity = connect(&pair.standby.superuser_url("countersign_identity")).await;
    let known = "SELECT count(*) FROM session WHERE session_id::text = ANY ($1)";
    let known: i64 = identity.query_one(known, &[&sessions]).await.unwrap().get(0);
    assert_eq!(usize::try_from(known).unwrap(), sessions.len());

    // Every log goes on where it was: what was read of it stands, and each event has its one place.
    for service in SERVICES {
        let client = connect(&pair.standby.superuser_url(&format!("countersign_{service}"))).await;
        let missing =
            "SELECT count(*) FROM event LEFT JOIN event_position USING (event_id) WHERE position IS NULL";
        let deadline = Instant::now() + Duration::from_secs(10);
        while client.query_one(missing, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            assert!(Instant::now() < deadline, "{service}'s log is not ordered any more");
            sleep(Duration::from_millis(20)).await;
        }
        let log = log_of(&pair.standby, service).await;
        let before = &seen[service];
        assert!(!before.is_empty());
        assert_eq!(log[..before.len()], before[..], "{service}");
        assert!(log.iter().zip(1..).all(|((position, ..), expected)| *position == expected));
    }

    // One verification for each sign-in that succeeded: none lost, none twice.
    let mut verified: HashMap<String, usize> = HashMap::new();
    for (_, _, _, envelope) in log_of(&pair.standby, "mfa").await {
        let event = Event::decode(envelope.as_slice()).unwrap();
        if let (Some(Payload::VerificationSucceeded(_)), Some(subject)) = (event.payload, event.subject) {
            *verified.entry(subject.id).or_default() += 1;
        }
    }
    for person in &people {
        assert_eq!(verified.get(&person.user_id), Some(&rounds), "{}", person.login);
    }
}
