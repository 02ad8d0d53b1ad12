//! People who sign in, show their sessions and refresh, on all replicas and by connections that are made anew, for as long as
//! they are let. Nothing is repeated, until somebody allows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clock::{Clock as _, ManualClock, Timestamp};
use countersign_tests::{Person, persistently};
use data_encoding::BASE64URL_NOPAD;
use proto::identity::{GetCurrentUserRequest, GetJwksRequest, Session};
use proto::mfa::ListFactorsRequest;
use proto::tenant::GetOrganizationRequest;
use testkit::{Console, Consoles, as_user};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tonic::{Code, Status};

/// How far the clock is moved between rounds: everybody has a new code.
const STEP: time::Duration = time::Duration::seconds(30);
/// How long an access token lives.
const TOKEN_LIFE: time::Duration = time::Duration::minutes(5);
/// How long others may keep the published keys.
const KEPT_KEYS: time::Duration = time::Duration::minutes(10);
/// How long a round takes at least: what the services do every so often must be able to keep up with the clock.
const PACE: Duration = Duration::from_secs(1);
/// How long a client repeats what may be repeated, once it is allowed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the published keys were, and when.
struct Published {
    at: Timestamp,
    keys: Vec<String>,
}

/// The access token of a session, and when it was made.
struct Kept {
    made: Timestamp,
    key: String,
    session: Session,
}

/// What was done, and what was seen last.
#[derive(Default)]
pub(crate) struct Seen {
    /// The ids of the keys that are published.
    pub(crate) published: Vec<String>,
    /// The id of the key that the last token was signed with.
    pub(crate) signing: String,
    /// Tokens that were shown, and worked, when another key had signed later ones.
    pub(crate) outlived: usize,
    /// Tokens that were refused when their time was over.
    pub(crate) expired: usize,
    failed: Vec<String>,
}

struct Shared {
    stop: AtomicBool,
    may_repeat: AtomicBool,
    rounds: AtomicUsize,
    seen: Mutex<Seen>,
}

/// What time it is for the services.
pub(crate) enum Time {
    /// A clock that is moved on by a step after each round, in which everybody signs in.
    Steered(ManualClock),
    /// The machine's. In each round another one signs in; there are more people than seconds in a step.
    Machine,
}

impl Time {
    fn now(&self) -> Timestamp {
        match self {
            Self::Steered(clock) => clock.now(),
            Self::Machine => Timestamp::now_utc(),
        }
    }

    /// Whose turn it is.
    fn turns(&self, people: &[Person], round: usize) -> Vec<Person> {
        match self {
            Self::Steered(_) => people.to_vec(),
            Self::Machine => people.iter().cycle().skip(round % people.len()).take(1).cloned().collect(),
        }
    }

    fn goes_on(&self) {
        if let Self::Steered(clock) = self {
            clock.advance(STEP);
        }
    }
}

/// Load under way.
pub(crate) struct Load {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What each round needs.
struct Rounds {
    shared: Arc<Shared>,
    consoles: Consoles,
    time: Time,
    people: Vec<Person>,
    company_id: String,
}

impl Load {
    pub(crate) fn start(consoles: Consoles, time: Time, people: Vec<Person>, company_id: String) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            may_repeat: AtomicBool::new(false),
            rounds: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let rounds = Rounds { shared: Arc::clone(&shared), consoles, time, people, company_id };
        Self { shared, task: tokio::spawn(rounds.run()) }
    }

    /// Waits until everybody had a turn that began after this.
    pub(crate) async fn flows(&self) {
        let before = self.shared.rounds.load(Ordering::SeqCst);
        self.until("everybody has a turn", 60, |_| self.shared.rounds.load(Ordering::SeqCst) > before + 1)
            .await;
    }

    /// Waits until something is seen. Fails as soon as a call has.
    pub(crate) async fn until(&self, what: &str, seconds: u64, holds: impl Fn(&Seen) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            let seen = self.shared.seen.lock().await;
            assert!(seen.failed.is_empty(), "until {what}: {:?}", seen.failed);
            if holds(&seen) {
                return;
            }
            drop(seen);
            assert!(tokio::time::Instant::now() < deadline, "it does not come to pass that {what}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// From now on a client may repeat what `docs/clients.md` lets it.
    pub(crate) fn may_repeat(&self) {
        self.shared.may_repeat.store(true, Ordering::SeqCst);
    }

    /// Ends; how many rounds there were, and what was seen.
    pub(crate) async fn end(self) -> (usize, Seen) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        let seen = std::mem::take(&mut *self.shared.seen.lock().await);
        assert!(seen.failed.is_empty(), "{:?}", seen.failed);
        (self.shared.rounds.load(Ordering::SeqCst), seen)
    }
}

impl Rounds {
    async fn run(self) {
        let (mut published, mut kept) = (Vec::new(), Vec::new());
        // One client as a platform service has it, for as long as all this takes.
        let steady = self.consoles.fresh().unwrap();
        while !self.shared.stop.load(Ordering::SeqCst) {
            let begun = tokio::time::Instant::now();
            let outcome = self.round(&steady, &mut published, &mut kept).await;
            if let Err(failed) = outcome {
                self.shared.seen.lock().await.failed.push(failed);
            }
            self.shared.rounds.fetch_add(1, Ordering::SeqCst);
            self.time.goes_on();
            tokio::time::sleep_until(begun + PACE).await;
        }
    }

    /// Those whose turn it is sign in, half of them by new connections; then tokens of before are shown.
    async fn round(
        &self,
        steady: &Console,
        published: &mut Vec<Published>,
        kept: &mut Vec<Kept>,
    ) -> Result<(), String> {
        let now = self.time.now();
        // A program does not start on a certificate whose key comes a moment later.
        let fresh = self.consoles.fresh().unwrap_or_else(|_| steady.clone());
        let keys = self.published(&fresh).await.map_err(failed("GetJwks", now))?;
        published.push(Published { at: now, keys: keys.clone() });
        let mut turns = JoinSet::new();
        let round = self.shared.rounds.load(Ordering::SeqCst);
        for (index, person) in self.time.turns(&self.people, round).into_iter().enumerate() {
            let console = if (index + round).is_multiple_of(2) { &fresh } else { steady }.clone();
            let (patience, company) = (self.patience(), self.company_id.clone());
            turns.spawn(async move { turn(&console, &person, &company, now, patience).await });
        }
        for session in turns.join_all().await {
            let session = session.map_err(failed("a turn", now))?;
            let key = key_of(&session.access_token);
            // Whoever still has the keys of nearly ten minutes ago can check it.
            let oldest = published.iter().find(|one| now - one.at < KEPT_KEYS);
            if oldest.is_none_or(|one| !one.keys.contains(&key)) {
                return Err(format!("{now}: {key} signs, and was not published long enough"));
            }
            if kept.last().is_none_or(|last| last.made < now) {
                kept.push(Kept { made: now, key, session });
            }
        }
        self.show(&fresh, &keys, now, kept).await
    }

    /// Shows tokens of before: they work until their time is over, whatever signs now, and their key is published so long.
    async fn show(
        &self,
        console: &Console,
        keys: &[String],
        now: Timestamp,
        kept: &mut Vec<Kept>,
    ) -> Result<(), String> {
        let signing = kept.last().map(|last| last.key.clone()).unwrap_or_default();
        let (mut outlived, mut expired) = (0, 0);
        for one in &*kept {
            let shown = show(console, &one.session, &self.company_id, self.patience()).await;
            if now - one.made < TOKEN_LIFE {
                shown.map_err(failed("a token of before", now))?;
                outlived += usize::from(one.key != signing);
                if !keys.contains(&one.key) {
                    return Err(format!("{now}: {} is not published, and its tokens are good", one.key));
                }
            } else if shown.is_err_and(|status| status.code() == Code::Unauthenticated) {
                expired += 1;
            } else {
                return Err(format!("{now}: a token of {} works or fails otherwise", one.made));
            }
        }
        kept.retain(|one| now - one.made < TOKEN_LIFE);
        let mut seen = self.shared.seen.lock().await;
        (seen.published, seen.signing) = (keys.to_owned(), signing);
        seen.outlived += outlived;
        seen.expired += expired;
        Ok(())
    }

    fn patience(&self) -> Duration {
        if self.shared.may_repeat.load(Ordering::SeqCst) { PATIENCE } else { Duration::ZERO }
    }

    /// The ids of the keys that are published.
    async fn published(&self, console: &Console) -> Result<Vec<String>, Status> {
        let request = GetJwksRequest {};
        let answer =
            persistently(self.patience(), &console.sessions, &request, |mut client, request| async move {
                client.get_jwks(request).await
            });
        let jwks: serde_json::Value = serde_json::from_str(&answer.await?.into_inner().jwks_json).unwrap();
        let keys = jwks["keys"].as_array().unwrap().iter();
        Ok(keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect())
    }
}

/// Somebody signs in with password and code, refreshes, and shows the token to all three services.
async fn turn(
    console: &Console,
    person: &Person,
    company_id: &str,
    now: Timestamp,
    patience: Duration,
) -> Result<Session, Status> {
    let session = person.sign_in(console, &person.authenticator.code(now), patience).await?;
    show(console, &session, company_id, patience).await?;
    Ok(session)
}

/// Shows a token to identity, tenant and mfa.
async fn show(
    console: &Console,
    session: &Session,
    company_id: &str,
    patience: Duration,
) -> Result<(), Status> {
    persistently(patience, &console.sessions, session, |mut client, session| async move {
        client.get_current_user(as_user(&session, GetCurrentUserRequest {})).await
    })
    .await?;
    let request = (session.clone(), company_id.to_owned());
    persistently(patience, &console.tenants, &request, |mut client, (session, organization_id)| async move {
        client.get_organization(as_user(&session, GetOrganizationRequest { organization_id })).await
    })
    .await?;
    persistently(patience, &console.factors, session, |mut client, session| async move {
        client.list_factors(as_user(&session, ListFactorsRequest::default())).await
    })
    .await
    .map(drop)
}

/// The id of the key that signed a token (RFC 7515, section 4.1.4).
fn key_of(token: &str) -> String {
    let (head, _) = token.split_once('.').unwrap();
    let head: serde_json::Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(head.as_bytes()).unwrap()).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

fn failed(what: &'static str, now: Timestamp) -> impl Fn(Status) -> String {
    move |status| format!("{now}: {what} failed: {status:?}")
}
