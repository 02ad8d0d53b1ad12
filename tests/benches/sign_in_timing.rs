//! How long it takes to refuse a login, whatever is wrong with it, printed:
//! `cargo bench -p countersign-tests --bench sign_in_timing`. Not a test: nothing here passes or fails by time. That all of them
//! are refused alike it does insist on.
//!
//! Interleaved: every round asks for each login once, in another order, so that what else the machine does falls on all.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement ends by panicking when what it measures does not work"
)]

use std::time::{Duration, Instant};

use proto::common::{AuthSource, Client, Role};
use proto::identity::{CreateUserRequest, DisableUserRequest, StartSignInRequest};
use proto::tenant::SuspendOrganizationRequest;
use testkit::{TestSystem, Tree, as_user, reason};

/// How often each login is asked for, after some that warm up.
const ROUNDS: usize = 200;
const WARM_UP: usize = 10;
/// What is aimed at: no median further from the reference than this.
const TARGET: f64 = 0.05;

/// A login and what is wrong with it.
struct Case {
    what: &'static str,
    login: String,
    times: Vec<Duration>,
}

#[tokio::main]
async fn main() {
    let system = TestSystem::start().await;
    let mut cases = cases(&system).await;
    let mut seed = 20_261_124_u64;
    for round in 0..ROUNDS + WARM_UP {
        for index in shuffled(cases.len(), &mut seed) {
            // So long after the last time that nobody has to wait.
            system.clock.advance(time::Duration::minutes(10));
            let elapsed = refuse(&system, index, &cases[index].login).await;
            if round >= WARM_UP {
                cases[index].times.push(elapsed);
            }
        }
    }
    println!("\n| login | median | ratio |\n|---|--:|--:|");
    let reference = median(&mut cases[0].times);
    let mut worst = 0.0_f64;
    for case in &mut cases {
        let median = median(&mut case.times);
        let ratio = median.as_secs_f64() / reference.as_secs_f64();
        worst = worst.max((ratio - 1.0).abs());
        println!("| {} | {:.2} ms | {ratio:.3} |", case.what, median.as_secs_f64() * 1_000.0);
    }
    let verdict = if worst <= TARGET { "within" } else { "NOT within" };
    println!("\n{ROUNDS} rounds; furthest from the reference: {:.1} %, {verdict} 5 %", worst * 100.0);
}

/// One refused sign-in, as the console sees it.
async fn refuse(system: &TestSystem, index: usize, login: &str) -> Duration {
    let client = Client { address: format!("192.0.2.{index}"), user_agent: String::new() };
    let request = StartSignInRequest {
        login: login.to_owned(),
        password: "a wrong password".to_owned(),
        client: Some(client),
    };
    let mut sign_ins = system.console.sign_ins.clone();
    let begun = Instant::now();
    let status = sign_ins.start_sign_in(request).await.unwrap_err();
    let elapsed = begun.elapsed();
    assert_eq!(reason(status), "SIGN_IN_REFUSED", "{login}");
    elapsed
}

/// A company with a user of every kind, and one that is suspended.
async fn cases(system: &TestSystem) -> Vec<Case> {
    let (tree, console) = (Tree::plant(system).await, &system.console);
    let (root, company) = (&tree.reseller_session, &tree.company.id);
    for name in ["wrong", "disabled", "locked"] {
        let (login, enforced) = (format!("{name}@acme.example"), name == "locked");
        let user = console.create_user(root, company, &login, Role::CompanyUser, enforced).await.unwrap();
        if name == "disabled" {
            let request =
                DisableUserRequest { user_id: user.id, reason: "on leave".to_owned(), ..Default::default() };
            console.users.clone().disable_user(as_user(root, request)).await.unwrap();
        }
    }
    let shared = CreateUserRequest {
        organization_id: company.clone(),
        display_name: "Test User".to_owned(),
        role: Role::CompanyUser.into(),
        ..CreateUserRequest::default()
    };
    let external = CreateUserRequest {
        login: "external@acme.example".to_owned(),
        auth_source: AuthSource::External.into(),
        external_subject: "oidc|external".to_owned(),
        ..shared.clone()
    };
    let invited = CreateUserRequest { login: "invited@acme.example".to_owned(), invite: true, ..shared };
    for request in [external, invited] {
        console.users.clone().create_user(as_user(root, request)).await.unwrap();
    }
    let other = console.create_company(root, &tree.reseller.id, "initech", false).await.unwrap();
    console.create_user(root, &other.id, "ada@initech.example", Role::CompanyUser, false).await.unwrap();
    let request = SuspendOrganizationRequest {
        organization_id: other.id,
        reason: "unpaid".to_owned(),
        ..SuspendOrganizationRequest::default()
    };
    console.tenants.clone().suspend_organization(as_user(root, request)).await.unwrap();
    lock(system, "locked@acme.example").await;
    [
        ("password wrong", "wrong@acme.example"),
        ("login unknown", "nobody@acme.example"),
        ("realm unknown", "nobody@nowhere.example"),
        ("second factor locked", "locked@acme.example"),
        ("user disabled", "disabled@acme.example"),
        ("external user", "external@acme.example"),
        ("invited, no password yet", "invited@acme.example"),
        ("organisation suspended", "ada@initech.example"),
    ]
    .map(|(what, login)| Case { what, login: login.to_owned(), times: Vec::new() })
    .into()
}

/// Enrols a user and locks their second factor with five wrong codes.
async fn lock(system: &TestSystem, login: &str) {
    let console = &system.console;
    let started = console.start(login).await.unwrap();
    let (authenticator, _) = console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    let started = console.start(login).await.unwrap();
    for _ in 0..5 {
        let wrong = authenticator.wrong_code(system.now());
        console.verify(&started.sign_in_token, &wrong).await.unwrap_err();
    }
    let started = console.start(login).await.unwrap();
    let right = authenticator.code(system.now());
    console.verify(&started.sign_in_token, &right).await.expect_err("the second factor is locked");
}

/// The numbers below `count` in some order.
fn shuffled(count: usize, seed: &mut u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // Knuth's generator (TAOCP 3.3.4); its high bits are random enough for an order.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, usize::try_from(*seed >> 33).unwrap() % (last + 1));
    }
    order
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
