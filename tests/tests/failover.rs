//! The primary database is lost under load and its synchronous standby promoted: the service resumes by itself, what was
//! acknowledged is there, and no code was accepted twice.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_tests::Person;
use local::postgres::{Options, Postgres};
use proto::events::event::Payload;
use testkit::{Console, TestDatabase, TestSystem, Tree, reason};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

/// How many users sign in at the same time, once in every time step.
const PEOPLE: usize = 6;
/// How many of them are signing in when the primary dies.
const EARLY: usize = 4;
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

/// What readers have seen of a service's log: position, event and leaf hash of each.
async fn log_of(server: &Postgres, service: &str) -> Vec<(i64, String, Vec<u8>)> {
    let client = connect(&server.superuser_url(&format!("countersign_{service}"))).await;
    let placed = "SELECT position, event_id::text, leaf_hash FROM event_position ORDER BY position";
    let rows = client.query(placed, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// Everybody signs in with the code of the present time step; the sessions, and how many there are yet.
fn sign_in_all(
    system: &TestSystem,
    console: &Console,
    people: &[Person],
) -> (JoinSet<String>, Arc<AtomicUsize>) {
    let (mut all, done) = (JoinSet::new(), Arc::<AtomicUsize>::default());
    for person in people {
        let (console, person) = (console.clone(), person.clone());
        let (done, now) = (Arc::clone(&done), system.now());
        all.spawn(async move {
            let code = person.authenticator.code(now);
            let session = person.sign_in(&console, &code, PATIENCE).await.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
            session.session_id
        });
    }
    (all, done)
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
    let system = TestSystem::on(databases, 1).await;
    let console = system.console_of_all();
    let tree = Tree::plant(&system).await;
    let people = Person::enrolled(&system, &tree, PEOPLE).await;
    let mut sessions = sign_in_all(&system, &console, &people).0.join_all().await;
    let mut rounds = 1;
    system.clock.advance(STEP);

    let mut seen = HashMap::new();
    for service in SERVICES {
        seen.insert(service, log_of(&pair.primary, service).await);
    }

    // The primary dies when the first of some has signed in and the others are on their way; the rest come when it is dead.
    let (early, late) = people.split_at(EARLY);
    let (early, done) = sign_in_all(&system, &console, early);
    let deadline = Instant::now() + PATIENCE;
    while done.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "nobody signs in");
        sleep(Duration::from_millis(2)).await;
    }
    pair.kill_primary().await;
    let (late, done) = sign_in_all(&system, &console, late);
    // No database takes writes: there is an answer, and it is no session.
    assert_eq!(reason(console.start(&people[0].login).await.unwrap_err()), "DEPENDENCY_UNAVAILABLE");
    assert_eq!(done.load(Ordering::SeqCst), 0, "somebody signed in without a database");
    pair.promote_standby().await;

    // Nobody is told anything, and everybody gets in, with the code they had.
    sessions.extend(early.join_all().await);
    sessions.extend(late.join_all().await);
    rounds += 1;
    // A code that was accepted before, in or after the failure is never accepted again.
    for person in &people {
        let again = person.sign_in(&console, &person.authenticator.code(system.now()), PATIENCE).await;
        assert_eq!(reason(again.unwrap_err()), "SIGN_IN_REFUSED");
    }
    system.clock.advance(STEP);
    sessions.extend(sign_in_all(&system, &console, &people).0.join_all().await);
    rounds += 1;

    // Every session that was acknowledged is there.
    assert_eq!(sessions.len(), rounds * PEOPLE);
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
        assert!(log.iter().zip(1..).all(|((position, _, _), expected)| *position == expected));
    }

    // One verification for each sign-in that succeeded: none lost, none twice.
    let started = console.start(testkit::RESELLER_LOGIN).await.unwrap();
    let code = tree.reseller_authenticator.code(system.now());
    let reseller = console.verify(&started.sign_in_token, &code).await.unwrap();
    let events = console.mfa_history(&reseller, &tree.company.id).await.unwrap();
    assert!(events.len() < 500, "the page does not hold them all");
    let mut verified: HashMap<String, usize> = HashMap::new();
    for event in
        events.iter().filter(|event| matches!(event.payload, Some(Payload::VerificationSucceeded(_))))
    {
        let subject = event.subject.as_ref().unwrap();
        *verified.entry(subject.id.clone()).or_default() += 1;
    }
    for person in &people {
        assert_eq!(verified.get(&person.user_id), Some(&rounds), "{}", person.login);
    }
}
