//! People who sign in, refresh and enrol on both replicas, as long as they are let.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proto::common::Role;
use proto::identity::Session;
use testkit::{Authenticator, Console, TestSystem, Tree};
use time::Duration;
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinHandle;
use tonic::Status;

/// What was done, and what was not.
#[derive(Debug, Default, Clone)]
pub(crate) struct Done {
    pub(crate) sign_ins: usize,
    pub(crate) refreshes: usize,
    pub(crate) enrollments: usize,
    pub(crate) failed: Vec<String>,
}

/// Traffic under way.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    system: Arc<TestSystem>,
    stop: AtomicBool,
    sign_ins: AtomicUsize,
    refreshes: AtomicUsize,
    enrollments: AtomicUsize,
    failed: Mutex<Vec<String>>,
    latest: Mutex<Option<Session>>,
    /// The clock stands while somebody enrols: a code is good for a while only.
    clock: RwLock<()>,
}

/// How many sign in again and again. A code is good once, so the clock moves on when each has had a turn.
const SIGNING_IN: usize = 9;

/// Users who must enrol at their first sign-in: their logins.
pub(crate) async fn newcomers(system: &TestSystem, tree: &Tree) -> Vec<String> {
    let mut logins = Vec::new();
    for number in 0..30 {
        let login = format!("user{number}@acme.example");
        let by = &tree.reseller_session;
        let role = Role::CompanyUser;
        system.console.create_user(by, &tree.company.id, &login, role, true).await.unwrap();
        logins.push(login);
    }
    logins
}

impl Traffic {
    /// Begins: some who have enrolled sign in, one after the other and over again, and refresh; the others enrol meanwhile.
    pub(crate) async fn start(system: &Arc<TestSystem>, newcomers: &[String]) -> Self {
        let (first, others) = newcomers.split_at(SIGNING_IN);
        let mut enrolled = Vec::new();
        for login in first {
            let started = system.console.start(login).await.unwrap();
            let (phone, _) = system.console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
            enrolled.push((login.clone(), phone));
        }
        let shared = Arc::new(Shared {
            system: Arc::clone(system),
            stop: AtomicBool::new(false),
            sign_ins: AtomicUsize::default(),
            refreshes: AtomicUsize::default(),
            enrollments: AtomicUsize::default(),
            failed: Mutex::default(),
            latest: Mutex::default(),
            clock: RwLock::default(),
        });
        let tasks = vec![
            tokio::spawn(sign_in(Arc::clone(&shared), enrolled)),
            tokio::spawn(refresh(Arc::clone(&shared))),
            tokio::spawn(enrol(Arc::clone(&shared), others.to_vec())),
        ];
        Self { shared, tasks }
    }

    /// Waits until a few more sign-ins and refreshes are done.
    pub(crate) async fn flows(&self) {
        let before = self.shared.done();
        let goes_on =
            || async { self.shared.done() > before + 8 || !self.shared.failed.lock().await.is_empty() };
        self.shared.system.eventually("traffic flows", goes_on).await;
    }

    /// Ends; what was done.
    pub(crate) async fn stop(self) -> Done {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        Done {
            sign_ins: self.shared.sign_ins.load(Ordering::SeqCst),
            refreshes: self.shared.refreshes.load(Ordering::SeqCst),
            enrollments: self.shared.enrollments.load(Ordering::SeqCst),
            failed: self.shared.failed.lock().await.clone(),
        }
    }
}

impl Shared {
    /// How many sign-ins and refreshes.
    fn done(&self) -> usize {
        self.sign_ins.load(Ordering::SeqCst) + self.refreshes.load(Ordering::SeqCst)
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    async fn note<T>(&self, count: &AtomicUsize, outcome: Result<T, Status>) -> Option<T> {
        match outcome {
            Ok(value) => {
                count.fetch_add(1, Ordering::SeqCst);
                Some(value)
            }
            Err(status) => {
                self.failed.lock().await.push(format!("{status:?}"));
                None
            }
        }
    }
}

/// How long everybody's sign-in takes at least.
const PACE: std::time::Duration = std::time::Duration::from_secs(3);

async fn sign_in(shared: Arc<Shared>, people: Vec<(String, Authenticator)>) {
    let consoles = [shared.system.console_of(0), shared.system.console_of(1)];
    for (turn, ((login, phone), console)) in people.iter().cycle().zip(consoles.iter().cycle()).enumerate() {
        if !shared.goes_on() {
            return;
        }
        if turn % people.len() == 0 {
            // Not faster: the sign-in that waits for the end of it all is good for ten minutes of this clock.
            tokio::time::sleep(PACE).await;
            let _clock = shared.clock.write().await;
            shared.system.clock.advance(Duration::seconds(30));
        }
        let session = once(console, login, phone, shared.system.now()).await;
        if let Some(session) = shared.note(&shared.sign_ins, session).await {
            *shared.latest.lock().await = Some(session);
        }
    }
}

async fn once(
    console: &Console,
    login: &str,
    phone: &Authenticator,
    now: clock::Timestamp,
) -> Result<Session, Status> {
    let started = console.start(login).await?;
    console.verify(&started.sign_in_token, &phone.code(now)).await
}

async fn refresh(shared: Arc<Shared>) {
    let consoles = [shared.system.console_of(0), shared.system.console_of(1)];
    for console in consoles.iter().cycle() {
        if !shared.goes_on() {
            return;
        }
        // The latest session, for as long as there is no later one.
        let latest = shared.latest.lock().await.take();
        let Some(session) = latest else {
            tokio::task::yield_now().await;
            continue;
        };
        if let Some(fresh) = shared.note(&shared.refreshes, console.refresh(&session).await).await {
            shared.latest.lock().await.get_or_insert(fresh);
        }
    }
}

async fn enrol(shared: Arc<Shared>, logins: Vec<String>) {
    let consoles = [shared.system.console_of(0), shared.system.console_of(1)];
    for (login, console) in logins.iter().zip(consoles.iter().cycle()) {
        if !shared.goes_on() {
            return;
        }
        let _clock = shared.clock.read().await;
        let enrolled = async {
            let started = console.start(login).await?;
            console.enrol(&started.sign_in_token, "", shared.system.now()).await
        };
        shared.note(&shared.enrollments, enrolled.await).await;
    }
}
