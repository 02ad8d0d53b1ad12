//! One PostgreSQL a process, one database a test, and callers.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use access::{Authenticator, Caller, Peer, SignedIn};
use clock::{Clock, ManualClock};
use eventlog::{Act, Draft, EventLog, Log, Places, Sequencer, SequencerOptions, Subject, WatchOptions};
use fault::{Outcome, Reason};
use futures::FutureExt;
use keyring::Keyring;
use local::postgres::databases::{DatabasePlan, Passwords, create_from_template, provision};
use local::postgres::{Options, Postgres};
use proto::events::SessionRefreshed;
use proto::events::event::Payload;
use proto::events::event_log_service_server::EventLogServiceServer;
use rpc::Liveness;
use store::{PoolOptions, Store};
use time::macros::datetime;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;
use tonic::Request;
use types::{EventId, OrganizationId, OrganizationPath, Role, ServiceName, SessionId, UserId};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});
static CLUSTER: OnceCell<(Postgres, DatabasePlan)> = OnceCell::const_new();

/// Something to change, and a record of what was applied.
const TABLES: &str = "\
CREATE TABLE entity (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 0);
INSERT INTO entity SELECT generate_series(1, 16);
CREATE TABLE applied (n bigint GENERATED ALWAYS AS IDENTITY, position bigint NOT NULL, text text NOT NULL);
GRANT SELECT, INSERT, UPDATE ON entity, applied TO countersign_mfa";

async fn cluster() -> &'static (Postgres, DatabasePlan) {
    CLUSTER
        .get_or_init(|| async {
            let options = Options::ephemeral().setting("max_connections", "300");
            let server = RUNTIME.spawn(Postgres::start(options)).await.unwrap().unwrap();
            let password = |role: &str| role.to_owned();
            let passwords =
                Passwords { owner: password("o"), service: password("s"), sequencer: password("q") };
            let plan = DatabasePlan::for_service("mfa", passwords);
            let superuser = server.superuser_url("postgres");
            provision(&superuser, &plan).await.unwrap();
            let owner = plan.url(&superuser, &plan.owner).unwrap();
            store::migrate(&owner, vec![eventlog::migrations()]).await.unwrap();
            connect(&owner).await.batch_execute(TABLES).await.unwrap();
            (server, plan)
        })
        .await
}

pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// One test's database, as the service mfa has it.
pub(crate) struct Db {
    pub(crate) plan: DatabasePlan,
    pub(crate) server_url: String,
    pub(crate) clock: ManualClock,
    pub(crate) keyring: Arc<Keyring>,
}

impl Db {
    pub(crate) async fn create() -> Self {
        let (server, template) = cluster().await;
        let server_url = server.superuser_url("postgres");
        let name = format!("test_{}", EventId::generate().uuid().simple());
        create_from_template(&server_url, &template.name, &name).await.unwrap();
        Self {
            plan: template.on(&name),
            server_url,
            clock: ManualClock::at(datetime!(2026-11-24 08:00 UTC)),
            keyring: Arc::new(Keyring::ephemeral().unwrap()),
        }
    }

    pub(crate) fn owner_url(&self) -> String {
        self.plan.url(&self.server_url, &self.plan.owner).unwrap()
    }

    pub(crate) fn service_url(&self) -> String {
        self.plan.url(&self.server_url, &self.plan.service).unwrap()
    }

    pub(crate) fn sequencer_url(&self) -> String {
        self.plan.url(&self.server_url, &self.plan.sequencer).unwrap()
    }

    pub(crate) async fn owner(&self) -> tokio_postgres::Client {
        connect(&self.owner_url()).await
    }

    pub(crate) fn store(&self, connections: usize) -> Store {
        let options = PoolOptions { connections, wait: Duration::from_secs(20) };
        Store::connect_lazily(&self.service_url(), options).unwrap()
    }

    pub(crate) fn log(&self) -> Log {
        Log::open(ServiceName::Mfa, self.store(8), Arc::clone(&self.keyring), self.clock.shared())
    }

    pub(crate) fn sequencer(&self) -> Sequencer {
        Sequencer::spawn(&self.sequencer_url(), SequencerOptions::default()).unwrap()
    }

    /// Appends events, one unit each, and answers their ids.
    pub(crate) async fn append(&self, store: &Store, drafts: Vec<Draft>) -> Vec<EventId> {
        let mut ids = Vec::new();
        for draft in drafts {
            ids.push(draft.event_id());
            append(store, draft).await;
        }
        ids
    }

    /// An act of nobody in particular, now.
    pub(crate) fn act(&self) -> Act {
        Act::by_service(ServiceName::Mfa, self.clock.now())
    }

    pub(crate) fn service(&self, log: &Log) -> EventLog {
        EventLog::new(log.clone(), Nowhere, WatchOptions::default())
    }
}

/// Records one event in a unit.
pub(crate) async fn append(store: &Store, draft: Draft) {
    store
        .unit("append", draft, |unit, draft| async move { Ok(unit.record(draft.clone()).with(())) }.boxed())
        .await
        .unwrap();
}

/// A payload that carries a text.
pub(crate) fn payload(text: impl Into<String>) -> Payload {
    Payload::SessionRefreshed(SessionRefreshed { session_id: text.into() })
}

/// The text of such a payload.
pub(crate) fn text(event: &proto::events::Event) -> &str {
    match &event.payload {
        Some(Payload::SessionRefreshed(payload)) => &payload.session_id,
        _ => panic!("not ours: {event:?}"),
    }
}

/// A tree: a provider, two resellers, two companies of the first and one of the second.
pub(crate) struct Tree {
    pub(crate) provider: OrganizationPath,
    pub(crate) reseller_a: OrganizationPath,
    pub(crate) company_a1: OrganizationPath,
    pub(crate) company_a2: OrganizationPath,
    pub(crate) reseller_b: OrganizationPath,
    pub(crate) company_b1: OrganizationPath,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let provider = OrganizationPath::root(OrganizationId::generate());
        let child = |path: &OrganizationPath| path.child(OrganizationId::generate()).unwrap();
        let (reseller_a, reseller_b) = (child(&provider), child(&provider));
        Self {
            company_a1: child(&reseller_a),
            company_a2: child(&reseller_a),
            company_b1: child(&reseller_b),
            provider,
            reseller_a,
            reseller_b,
        }
    }
}

/// A draft about an organisation.
pub(crate) fn draft(act: &Act, event_type: &'static str, path: &OrganizationPath, text: &str) -> Draft {
    Draft::new(act, event_type, path, Subject::Organization(path.organization_id()), payload(text))
}

/// A user of an organisation, as the console's caller.
pub(crate) fn user(role: Role, path: &OrganizationPath) -> Caller {
    let now = datetime!(2026-11-24 08:00 UTC);
    Caller {
        peer: Peer::parse_spiffe("spiffe://t/ns/n/sa/console", "t").unwrap(),
        user: Some(SignedIn {
            user_id: UserId::generate(),
            path: path.clone(),
            login: "ada@example.com".parse().unwrap(),
            role,
            session_id: SessionId::generate(),
            amr: vec!["pwd".into()],
            auth_time: now,
            mfa_time: None,
            generation: 0,
        }),
    }
}

/// A peer without a user.
pub(crate) fn peer(name: &str) -> Caller {
    Caller { peer: Peer::parse_spiffe(&format!("spiffe://t/ns/n/sa/{name}"), "t").unwrap(), user: None }
}

/// Places of a test in which no organisation stands anywhere but in the log.
pub(crate) struct Nowhere;

#[async_trait::async_trait]
impl Places for Nowhere {
    async fn path_of(&self, _: OrganizationId) -> Outcome<Option<OrganizationPath>> {
        Ok(None)
    }
}

/// An authenticator of one session, which lives until it is told otherwise.
pub(crate) struct Sessions(Mutex<Result<SignedIn, Reason>>);

impl Sessions {
    pub(crate) fn of(caller: &Caller) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ok(caller.user.clone().unwrap()))))
    }

    /// What it answers from now on.
    pub(crate) fn answer(&self, answer: Result<SignedIn, Reason>) {
        *self.0.lock().unwrap() = answer;
    }
}

#[async_trait::async_trait]
impl Authenticator for Sessions {
    async fn authenticate(&self, _: &str) -> Outcome<SignedIn> {
        self.0.lock().unwrap().clone().map_err(Into::into)
    }
}

/// A request as the layers hand it on.
pub(crate) fn request<T>(caller: &Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if caller.user.is_some() {
        request.extensions_mut().insert(Liveness::new(Sessions::of(caller), "token"));
    }
    request.extensions_mut().insert(Arc::new(caller.clone()));
    request
}

/// Serves a log to one peer, without TLS, and answers a channel to it.
pub(crate) async fn serve(service: EventLog, caller: Caller) -> tonic::transport::Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let caller = Arc::new(caller);
    let service = EventLogServiceServer::with_interceptor(service, move |mut request: Request<()>| {
        request.extensions_mut().insert(Arc::clone(&caller));
        Ok(request)
    });
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let endpoint = tonic::transport::Endpoint::try_from(format!("http://{address}")).unwrap();
    // HTTP/2's own windows, so that few events fill them.
    endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535).connect_lazy()
}

/// Waits until a query of one number answers at least `least`.
pub(crate) async fn until(client: &tokio_postgres::Client, sql: &str, least: i64) -> i64 {
    let wait = async {
        loop {
            let number: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
            if number >= least {
                return number;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("not reached: {least} by {sql}"))
}

/// The last position, as SQL.
pub(crate) const HEAD: &str = "SELECT coalesce(max(position), 0) FROM event_position";

/// The reason a status carries.
pub(crate) fn reason(status: &tonic::Status) -> String {
    rpc::reason_of(status).map(|reason| reason.to_string()).unwrap_or_else(|| format!("{status:?}"))
}

/// Appends many events at once, as the owner, as copies of the first one; for volume only.
pub(crate) async fn bulk(owner: &tokio_postgres::Client, rows: i64) {
    const SQL: &str = "\
INSERT INTO event (event_id, type, organization_id, path, subject_key, actor_key, record_time, salt, envelope)
SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(n::text || random()::text), 1, 19))::uuid,
    (ARRAY['mfa.verification.succeeded', 'mfa.verification.succeeded', 'mfa.verification.succeeded',
           'mfa.verification.refused', 'mfa.factor.enrolled'])[1 + n % 5],
    organization.id, ARRAY[path[1], md5('r' || c % 50)::uuid, organization.id],
    md5('u' || n % 50000)::uuid, md5('u' || n % 50000)::uuid,
    latest.time + n * interval '1 millisecond', salt, envelope
FROM (SELECT n, (n * 7919) % 2000 AS c FROM generate_series(1, $1::bigint) AS n) AS numbers
CROSS JOIN (SELECT * FROM event ORDER BY seq LIMIT 1) AS first
CROSS JOIN (SELECT max(record_time) AS time FROM event) AS latest
CROSS JOIN LATERAL (SELECT md5('c' || c)::uuid AS id) AS organization";
    owner.execute(SQL, &[&rows]).await.unwrap();
}
