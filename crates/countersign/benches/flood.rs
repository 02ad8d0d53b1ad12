//! What becomes of everybody else while hundreds sign in at once, printed: `cargo bench -p countersign --bench flood`. Not a test:
//! nothing here passes or fails by time.
//!
//! identity runs as a process of its own, the real binary, with 512 MiB; tenant, mfa and PostgreSQL run beside it. 500 sign-ins
//! are under way all the time: 400 from one address, ten from each of ten others. Meanwhile sessions are refreshed and codes
//! verified.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement ends by panicking when what it measures does not work"
)]

mod flood {
    pub(crate) mod crowd;
    pub(crate) mod process;
    pub(crate) mod tally;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clock::{Clock, SystemClock};
use proto::identity::Session;
use testkit::{Console, PASSWORD, TestSystem, Tree};

use flood::crowd::{Enrolled, enrolled, plain};
use flood::process::Process;
use flood::tally::{Tally, percentiles};

/// Sign-ins under way from the greedy address, and from each of the others.
const GREEDY: usize = 400;
const MODEST: usize = 10;
const OTHERS: usize = 10;
/// How long each flood lasts.
const LASTS: Duration = Duration::from_secs(15);
/// How long somebody who was refused waits. (They are told to wait for a second, or for their delay.)
const PAUSE: Duration = Duration::from_millis(250);

#[tokio::main]
async fn main() {
    testkit::listen_to_nothing();
    let mut system = TestSystem::start().await;
    // The process of its own has the machine's clock; the others keep up with it.
    let clock = system.clock.clone();
    tokio::spawn(async move {
        loop {
            clock.advance(SystemClock.now() - clock.now());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    while (SystemClock.now() - system.now()).abs() > time::Duration::SECOND {
        tokio::task::yield_now().await;
    }
    let tree = Tree::plant(&system).await;
    system.stop_identity(0).await;
    let process = Process::start(&system).await;
    println!(
        "identity is process {} with {} MiB; idle it holds {} MiB",
        process.id(),
        process.limit(),
        process.resident()
    );
    let logins = plain(&system, &tree, 40).await;
    let mut enrolled = enrolled(&system, &tree, 90).await;

    println!("\n## 500 at one moment");
    burst(&system, &logins).await;
    for (what, password) in [("the right password", PASSWORD), ("a wrong password", "a wrong password")] {
        println!("\n## 500 under way for {LASTS:?}, with {what}");
        let third = enrolled.split_off(enrolled.len().saturating_sub(40));
        flood(&system, &logins, password, third).await;
        println!("identity held at most {} MiB so far", process.most());
    }
    process.end().await;
}

/// All at once, once.
async fn burst(system: &TestSystem, logins: &[String]) {
    let consoles: Vec<Console> = (0..4).map(|_| system.console_of(0)).collect();
    for console in &consoles {
        console.start_with("nobody@nowhere.example", "x").await.unwrap_err();
    }
    let calls = (0..GREEDY + MODEST * OTHERS).map(|number| {
        let (console, login) =
            (consoles[number % consoles.len()].clone(), logins[number % logins.len()].clone());
        let address = address_of(number);
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = flood::crowd::start(&console, &address, &login, PASSWORD).await;
            (number < GREEDY, begun.elapsed(), outcome)
        })
    });
    let calls: Vec<_> = calls.collect();
    let (mut greedy, mut modest) = (Tally::default(), Tally::default());
    for call in calls {
        let (is_greedy, elapsed, outcome) = call.await.unwrap();
        if is_greedy { &mut greedy } else { &mut modest }.add(elapsed, outcome);
    }
    greedy.print("from one address, 400");
    modest.print("from ten others, 10 each");
}

/// Whoever is number so and so comes from here.
fn address_of(number: usize) -> String {
    match number.checked_sub(GREEDY) {
        None => "203.0.113.1".to_owned(),
        Some(other) => format!("198.51.100.{}", other / MODEST),
    }
}

/// 500 under way all the time, and what the others notice of it.
async fn flood(system: &TestSystem, logins: &[String], password: &'static str, enrolled: Vec<Enrolled>) {
    let over = Arc::new(AtomicBool::new(false));
    let consoles: Vec<Console> = (0..4).map(|_| system.console_of(0)).collect();
    let sessions = sessions(system, &logins[..4]).await;
    let callers: Vec<_> = (0..GREEDY + MODEST * OTHERS)
        .map(|number| {
            let (console, over) = (consoles[number % consoles.len()].clone(), Arc::clone(&over));
            let (login, address) = (logins[number % logins.len()].clone(), address_of(number));
            tokio::spawn(async move {
                let mut tally = Tally::default();
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let outcome = flood::crowd::start(&console, &address, &login, password).await;
                    let is_refused = outcome.is_err();
                    tally.add(begun.elapsed(), outcome);
                    if is_refused {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                tally
            })
        })
        .collect();
    let verifying = tokio::spawn(verify(system.console_of(0), enrolled, system.clock.clone()));
    let refreshing: Vec<_> = sessions
        .into_iter()
        .map(|session| tokio::spawn(refresh(system.console_of(0), session, Arc::clone(&over))))
        .collect();
    tokio::time::sleep(LASTS).await;
    over.store(true, Ordering::Relaxed);

    let mut tallies = Vec::new();
    for caller in callers {
        tallies.push(caller.await.unwrap());
    }
    let modest = tallies.split_off(GREEDY);
    Tally::sum(tallies).print("from one address, 400 under way");
    let addresses: Vec<usize> =
        modest.chunks(MODEST).map(|ten| ten.iter().map(Tally::served).sum()).collect();
    Tally::sum(modest).print("from ten others, 10 under way each");
    println!("looked at, from each of the ten: {addresses:?}");
    println!("VerifyMfa meanwhile: {}", percentiles(verifying.await.unwrap()));
    let mut times = Vec::new();
    for refresher in refreshing {
        times.extend(refresher.await.unwrap());
    }
    println!("RefreshSession meanwhile: {}", percentiles(times));
}

/// Sessions to be refreshed.
async fn sessions(system: &TestSystem, logins: &[String]) -> Vec<Session> {
    let mut sessions = Vec::new();
    for (number, login) in logins.iter().enumerate() {
        let answer =
            flood::crowd::start(&system.console, &format!("192.0.2.{number}"), login, PASSWORD).await;
        sessions.push(answer.unwrap().session.expect("nothing more is asked"));
    }
    sessions
}

/// Finishes sign-ins that were begun before, spread over the flood.
async fn verify(console: Console, enrolled: Vec<Enrolled>, clock: clock::ManualClock) -> Vec<Duration> {
    let mut times = Vec::new();
    let every = LASTS / u32::try_from(enrolled.len() + 1).unwrap();
    for Enrolled { token, authenticator } in enrolled {
        tokio::time::sleep(every).await;
        let begun = Instant::now();
        console.verify(&token, &authenticator.code(clock.now())).await.expect("the code is right");
        times.push(begun.elapsed());
    }
    times
}

/// Refreshes one session again and again.
async fn refresh(console: Console, mut session: Session, over: Arc<AtomicBool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begun = Instant::now();
        session = console.refresh(&session).await.unwrap_or_else(|status| panic!("{status:?}"));
        times.push(begun.elapsed());
    }
    times
}
