//! mfa as two processes, one or the other killed (SIGKILL) in the middle of wrong codes: what was answered is on the record, the other
//! one and whoever comes back go on from there, and no more than the limit was ever looked at.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message as _;
use proto::common::Role;
use proto::events::event::Payload;
use proto::events::{Event, VerificationRefusal};
use proto::identity::{NextStep, StartSignInResponse};
use testkit::{Authenticator, TestSystem, Tree, reason};
use time::{Duration, OffsetDateTime};
use tokio::process::{Child, Command};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use types::ServiceName;

/// As many wrong codes lock.
const LIMIT: i64 = 5;
/// How many are given at once.
const AT_ONCE: usize = 60;

/// What is on the record about a user.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    wrong: i64,
    refused: i64,
    counted: i64,
    failures: i64,
}

impl Record {
    async fn of(system: &TestSystem, user_id: &str) -> Self {
        let rows = system.mfa_database.owner().await;
        let sql = "SELECT refused_while_locked, cardinality(recent_failures) FROM user_mfa WHERE user_id::text = $1";
        let row = rows.query_one(sql, &[&user_id]).await.unwrap();
        let (counted, failures): (i32, i32) = (row.get(0), row.get(1));
        let mut record = Self { wrong: 0, refused: 0, counted: counted.into(), failures: failures.into() };
        let sql = "SELECT envelope FROM event WHERE type = 'mfa.verification.refused'";
        for row in rows.query(sql, &[]).await.unwrap() {
            let event = Event::decode(row.get::<_, Vec<u8>>(0).as_slice()).unwrap();
            let Some(Payload::VerificationRefused(refused)) = &event.payload else { continue };
            if event.subject.is_some_and(|subject| subject.id == user_id) {
                record.refused += 1;
                record.wrong += i64::from(refused.refusal() == VerificationRefusal::Wrong);
            }
        }
        record
    }
}

const REPLICAS: usize = 2;

/// A replica of mfa as a process.
struct Mfa(Child);

impl Mfa {
    async fn start(system: &TestSystem, replica: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["serve", "mfa"]).envs(system.mfa_environment(replica));
        // All it says is searched for secrets when the system ends.
        command.env("RUST_LOG", "trace").stderr(system.log_file(&format!("mfa{replica}")));
        let child = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let [_, _, channel] = system.channels_of(replica, "operator");
        let answers = async || {
            let answer = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await;
            answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
        };
        system.eventually("mfa answers", answers).await;
        Self(child)
    }

    /// SIGKILL, and gone.
    async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }
}

/// A user with a phone.
struct Victim {
    id: String,
    login: String,
    authenticator: Authenticator,
}

async fn victim(system: &TestSystem, tree: &Tree, number: usize) -> Victim {
    let (console, by) = (&system.console, &tree.reseller_session);
    let login = format!("victim{number}@acme.example");
    let created = console.create_user(by, &tree.company.id, &login, Role::CompanyUser, true).await;
    let token = console.start(&login).await.unwrap().sign_in_token;
    let (authenticator, _) = console.enrol(&token, "", system.now()).await.unwrap();
    Victim { id: created.unwrap().id, login, authenticator }
}

/// Codes that are wrong for some minutes.
fn wrong_codes(victim: &Victim, count: usize) -> Vec<String> {
    let now = OffsetDateTime::now_utc();
    let near: Vec<String> =
        (-20..=20).map(|steps| victim.authenticator.code(now + Duration::seconds(30 * steps))).collect();
    (100_000..).map(|code: u32| code.to_string()).filter(|code| !near.contains(code)).take(count).collect()
}

async fn sign_ins(system: &TestSystem, login: &str, count: usize) -> Vec<String> {
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        // Identity has not noticed perhaps that a replica is there again, and says so.
        let started = async || system.console.start(login).await.ok();
        system.eventually("a sign-in begins", async || started().await.is_some_and(is_verify)).await;
        let started = system.console.start(login).await.unwrap();
        tokens.push(started.sign_in_token);
    }
    tokens
}

fn is_verify(started: StartSignInResponse) -> bool {
    started.next_step() == NextStep::VerifyMfa
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_kill_is_on_the_record_after_it() {
    let mut system = TestSystem::with_replicas(REPLICAS).await;
    // The process has the machine's clock; the others begin at its time.
    system.clock.advance(OffsetDateTime::now_utc() - system.now());
    let tree = Tree::plant(&system).await;
    let mut victims = Vec::new();
    for number in 0..4 {
        victims.push(victim(&system, &tree, number).await);
    }
    let mut mfa = Vec::new();
    for replica in 0..REPLICAS {
        system.stop(replica, ServiceName::Mfa).await;
        mfa.push(Mfa::start(&system, replica).await);
    }
    // Each identity asks its own neighbour first: so both are asked.
    let consoles = [system.console_of(0), system.console_of(1)];
    for (number, victim) in victims.iter().enumerate() {
        let tokens = sign_ins(&system, &victim.login, AT_ONCE / 5).await;
        let codes = wrong_codes(victim, AT_ONCE);
        let answered = Arc::new(AtomicUsize::new(0));
        let calls: Vec<_> = codes
            .into_iter()
            .enumerate()
            .map(|(index, code)| {
                let (console, token) = (consoles[index % 2].clone(), tokens[index / 5].clone());
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    let refused = console.verify(&token, &code).await.unwrap_err();
                    let is_answer = reason(refused) == "SIGN_IN_REFUSED";
                    answered.fetch_add(usize::from(is_answer), Ordering::SeqCst);
                })
            })
            .collect();
        // In the middle of it: after the first answer, the third, the fifth …; one replica and the other in turn.
        let dying = number % REPLICAS;
        while answered.load(Ordering::SeqCst) < 2 * number + 1 {
            tokio::task::yield_now().await;
        }
        mfa.remove(dying).kill().await;
        for call in calls {
            call.await.unwrap();
        }
        let answered = i64::try_from(answered.load(Ordering::SeqCst)).unwrap();
        let record = Record::of(&system, &victim.id).await;
        assert!(record.wrong <= LIMIT, "{record:?}");
        assert_eq!(record.failures, record.wrong, "the row and the log say the same");
        assert!(answered <= record.refused + record.counted, "{answered} answered, {record:?}");

        mfa.insert(dying, Mfa::start(&system, dying).await);
        // What is left of the limit is all that is looked at, and then not even the right code.
        let tokens = sign_ins(&system, &victim.login, 2).await;
        for (index, code) in wrong_codes(victim, 8).iter().enumerate() {
            let refused = consoles[index % 2].verify(&tokens[index / 4], code).await.unwrap_err();
            assert_eq!(reason(refused), "SIGN_IN_REFUSED");
        }
        let token = system.console.start(&victim.login).await.unwrap().sign_in_token;
        let right = victim.authenticator.code(OffsetDateTime::now_utc());
        let refused = system.console.verify(&token, &right).await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED");
        let record = Record::of(&system, &victim.id).await;
        assert_eq!((record.wrong, record.failures), (LIMIT, LIMIT), "{record:?}");
    }
    for replica in mfa {
        replica.kill().await;
    }
}
