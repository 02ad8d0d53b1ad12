//! What enforcing MFA on a reseller costs as its companies grow in number, printed:
//! `cargo bench -p countersign-tests --bench enforcement_scale`. Not a test: nothing here passes or fails by time. That the
//! right thing happens - one transaction with one event, effective at the next sign-in in any company - it does insist on.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement ends by panicking when what it measures does not work"
)]

#[path = "support/crowd.rs"]
mod crowd;

use std::time::{Duration, Instant};

use proto::identity::NextStep;
use proto::mfa::{
    Adoption, DisableMfaRequest, EnforceMfaRequest, EnforcementState, GetAdoptionRequest,
    GetEnforcementRequest,
};
use testkit::{TestSystem, Tree, as_user, reason, reseller_target};

use crowd::{Crowd, USERS};

/// How many companies the reseller has.
const SIZES: [u32; 3] = [1, 100, 10_000];
/// How often each thing is measured, after one time that warms up.
const TIMES: usize = 15;

/// The medians for one reseller.
struct Measured {
    companies: u32,
    enforce: Duration,
    disable: Duration,
    sign_in: Duration,
    adoption: Duration,
    enforcement: Duration,
    /// Of one EnforceMfa, in mfa's database.
    events: i64,
    transactions: i64,
    policy_rows: i64,
}

impl Measured {
    fn times(&self) -> [Duration; 5] {
        [self.enforce, self.disable, self.sign_in, self.adoption, self.enforcement]
    }
}

#[tokio::main]
async fn main() {
    testkit::listen_to_nothing();
    let mut all = Vec::new();
    for companies in SIZES {
        all.push(measure(companies).await);
    }
    println!();
    println!(
        "| companies | users | EnforceMfa | DisableMfa | next StartSignIn | GetAdoption | GetEnforcement | transactions | events | policy rows |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for measured in &all {
        let Measured { companies, transactions, events, policy_rows, .. } = measured;
        let times =
            measured.times().map(|time| format!("{:.2} ms", time.as_secs_f64() * 1_000.0)).join(" | ");
        println!(
            "| {companies} | {} | {times} | {transactions} | {events} | {policy_rows} |",
            companies * USERS
        );
    }
    let (small, large) = (all[0].times(), all[SIZES.len() - 1].times());
    let ratios: Vec<_> = small
        .iter()
        .zip(large)
        .map(|(small, large)| format!("{:.2}", large.as_secs_f64() / small.as_secs_f64()))
        .collect();
    println!("| 10,000 : 1 | | {} | | | |", ratios.join(" | "));
}

/// One reseller, enforced and lifted in turn.
async fn measure(companies: u32) -> Measured {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let begun = Instant::now();
    let crowd = Crowd::gather(&system, &tree, companies).await;
    println!(
        "{companies} companies with {} users written and counted in {:?}",
        companies * USERS,
        begun.elapsed()
    );
    let scale = Scale { system, tree, crowd };
    let before = scale.system.console.start(&scale.crowd.login(1, 1)).await.unwrap();
    let session = before.session.expect("nothing is enforced yet");

    let (mut enforce, mut disable, mut sign_in) = (Vec::new(), Vec::new(), Vec::new());
    let (mut adoption, mut enforcement) = (Vec::new(), Vec::new());
    let mut written = (0, 0);
    for time in 0..=TIMES {
        let (last, began) = (scale.last_event().await, Instant::now());
        scale.enforce().await;
        enforce.push(began.elapsed());
        written = scale.events_after(last).await;
        assert_eq!(written, (1, 1), "one transaction with one event");
        adoption.push(scale.adoption(true).await);
        enforcement.push(scale.enforcement().await);
        sign_in.push(scale.next_sign_in(time, NextStep::EnrollMfa).await);
        let began = Instant::now();
        scale.disable().await;
        disable.push(began.elapsed());
        adoption.push(scale.adoption(false).await);
        scale.next_sign_in(time, NextStep::Complete).await;
    }
    scale.enforce().await;
    let refused = scale.system.console.refresh(&session).await.unwrap_err();
    assert_eq!(reason(refused), "REFRESH_REFUSED", "a session by password alone is not renewed");
    Measured {
        companies,
        enforce: median(enforce),
        disable: median(disable),
        sign_in: median(sign_in),
        adoption: median(adoption),
        enforcement: median(enforcement),
        transactions: written.0,
        events: written.1,
        policy_rows: scale.policy_rows().await,
    }
}

/// A reseller of some size, and who administers it.
struct Scale {
    system: TestSystem,
    tree: Tree,
    crowd: Crowd,
}

impl Scale {
    async fn enforce(&self) {
        let target = reseller_target(&self.tree.reseller.id);
        let request = as_user(
            &self.tree.provider_session,
            EnforceMfaRequest { target, ..EnforceMfaRequest::default() },
        );
        self.system.console.enforcement.clone().enforce_mfa(request).await.unwrap();
    }

    async fn disable(&self) {
        let target = reseller_target(&self.tree.reseller.id);
        let request = as_user(
            &self.tree.provider_session,
            DisableMfaRequest { target, reason: "measured".to_owned(), ..DisableMfaRequest::default() },
        );
        self.system.console.enforcement.clone().disable_mfa(request).await.unwrap();
    }

    /// Reads the reseller's figures, which must be right at once.
    async fn adoption(&self, enforced: bool) -> Duration {
        let request = GetAdoptionRequest { organization_id: self.tree.reseller.id.clone() };
        let request = as_user(&self.tree.provider_session, request);
        let began = Instant::now();
        let answer = self.system.console.enforcement.clone().get_adoption(request).await.unwrap();
        let took = began.elapsed();
        let Adoption { enforced: demanded, enrolled, .. } = answer.into_inner().adoption.unwrap();
        let (users, with_factor) = self.crowd.users_below_the_reseller();
        // The reseller's administrator is made to have a factor by their own level.
        assert_eq!((demanded, enrolled), (if enforced { users } else { 1 }, with_factor));
        took
    }

    async fn enforcement(&self) -> Duration {
        let request = GetEnforcementRequest { target: reseller_target(&self.tree.reseller.id) };
        let request = as_user(&self.tree.provider_session, request);
        let began = Instant::now();
        let answer = self.system.console.enforcement.clone().get_enforcement(request).await.unwrap();
        let took = began.elapsed();
        assert_eq!(answer.into_inner().enforcement.unwrap().effective_state(), EnforcementState::Enabled);
        took
    }

    /// The password step of somebody without a factor, in another company each time.
    async fn next_sign_in(&self, time: usize, expected: NextStep) -> Duration {
        let login = self.crowd.login_somewhere(time);
        let began = Instant::now();
        let started = self.system.console.start(&login).await.unwrap();
        let took = began.elapsed();
        assert_eq!(started.next_step(), expected, "{login}");
        took
    }

    async fn last_event(&self) -> i64 {
        let mfa = self.system.mfa_database.owner().await;
        mfa.query_one("SELECT max(seq) FROM event", &[]).await.unwrap().get(0)
    }

    /// How many transactions left how many events since.
    async fn events_after(&self, seq: i64) -> (i64, i64) {
        const SQL: &str = "SELECT count(DISTINCT xid::text), count(*) FROM event WHERE seq > $1";
        let row = self.system.mfa_database.owner().await.query_one(SQL, &[&seq]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// How many levels below the provider are stored for the reseller and all of its companies.
    async fn policy_rows(&self) -> i64 {
        const SQL: &str = "SELECT count(*) FROM enforcement WHERE level IN ('reseller', 'company')";
        self.system.mfa_database.owner().await.query_one(SQL, &[]).await.unwrap().get(0)
    }
}

/// The median but for the first, which warmed up.
fn median(times: Vec<Duration>) -> Duration {
    let mut times = times[1..].to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}
