//! A database of its own for every test, and identity's use cases on it.

mod database;
mod peers;
mod wiretap;

use std::sync::Arc;

use access::SignedIn;
use clock::{Clock, ManualClock};
use eventlog::{Dependents, Log, Sequencer, SequencerOptions};
use fault::{Fault, Outcome};
use host::{ClockGuard, ClockGuardOptions, SteeredReference};
use identity::domain::delays::DelayThresholds;
use identity::domain::evaluation::Demand;
use identity::domain::session::Lifetimes;
use identity::ops::{
    AccessTokens, Identity, Lane, OpenedSession, Origin, Parts, PasswordPool, PoolSize, RefreshSession,
    RefusalCounter, SignInDelays, StartSignIn, StartedSignIn,
};
use keyring::Keyring;
use prost::Message;
use proto::events::Event;
use proto::events::event::Payload;
use rpc::CallInfo;
use store::{PoolOptions, Store};
use types::{
    AuthSource, OrganizationId, OrganizationPath, Password, Role, ServiceName, SessionId, Token, UserId,
};
use wire::{Client, OrganizationFacts, OrganizationState};

pub(crate) use database::Database;
pub(crate) use peers::{Codes, LEFT, RECOVERY_CODE, ScriptedMfa, ScriptedTenant};
pub(crate) use wiretap::Wiretap;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const ISSUER: &str = "https://identity.test";
pub(crate) const BROKER: &str = "broker";

/// identity with scripted peers, and a tree of provider, reseller and company.
pub(crate) struct Bench {
    pub(crate) identity: Identity,
    pub(crate) database: Database,
    pub(crate) clock: ManualClock,
    pub(crate) mfa: Arc<ScriptedMfa>,
    pub(crate) tenant: Arc<ScriptedTenant>,
    pub(crate) keyring: Arc<Keyring>,
    /// What the service's clock is compared with.
    pub(crate) reference: SteeredReference,
    /// Orders the log, so that what is in force can be waited for.
    _sequencer: Sequencer,
    pub(crate) provider: OrganizationPath,
    pub(crate) reseller: OrganizationPath,
    pub(crate) company: OrganizationPath,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let database = Database::create().await;
        let clock = ManualClock::at(time::macros::datetime!(2026-03-02 09:00 UTC));
        let keyring = Arc::new(Keyring::ephemeral().unwrap());
        let (mfa, tenant) = (Arc::new(ScriptedMfa::new(clock.clone())), Arc::new(ScriptedTenant::default()));
        let provider = OrganizationPath::root(OrganizationId::generate());
        let reseller = provider.child(OrganizationId::generate()).unwrap();
        let company = reseller.child(OrganizationId::generate()).unwrap();
        for (path, realm) in [(&provider, "provider"), (&reseller, "reseller"), (&company, "company")] {
            tenant.set(organization(path, realm, OrganizationState::Active, 1));
        }
        let reference = SteeredReference::default();
        let url = &database.service_url;
        let identity = replica(&database, url, &clock, &keyring, &mfa, &tenant, &reference);
        identity.clock_guard.looked().await;
        let sequencer = Sequencer::spawn(&database.sequencer_url, SequencerOptions::default()).unwrap();
        Self {
            identity,
            database,
            clock,
            mfa,
            tenant,
            keyring,
            reference,
            _sequencer: sequencer,
            provider,
            reseller,
            company,
        }
    }

    /// Works with another keyring from now on.
    pub(crate) fn use_keyring(&mut self, keyring: Keyring) {
        self.keyring = Arc::new(keyring);
        self.identity = self.replica();
    }

    /// Another replica on the same database.
    pub(crate) fn replica(&self) -> Identity {
        let url = &self.database.service_url;
        replica(&self.database, url, &self.clock, &self.keyring, &self.mfa, &self.tenant, &self.reference)
    }

    /// Reaches the database by another way from now on; the log goes on as before.
    pub(crate) fn go_by(&mut self, url: &str) {
        self.identity = replica(
            &self.database,
            url,
            &self.clock,
            &self.keyring,
            &self.mfa,
            &self.tenant,
            &self.reference,
        );
    }

    pub(crate) fn now(&self) -> clock::Timestamp {
        self.clock.now()
    }

    /// A local company administrator with [`PASSWORD`].
    pub(crate) async fn user(&self, login: &str) -> UserId {
        self.user_with(login, &self.company, Role::CompanyAdmin, AuthSource::Local).await
    }

    /// A user, stored as the owner. Who is external is at their identity provider what their login is here.
    pub(crate) async fn user_with(
        &self,
        login: &str,
        path: &OrganizationPath,
        role: Role,
        auth_source: AuthSource,
    ) -> UserId {
        let hash = match auth_source {
            AuthSource::Local => Some(self.hash(PASSWORD).await),
            AuthSource::External => None,
        };
        let id = UserId::generate();
        for organization in path.ids() {
            self.project(&self.tenant.get(*organization)).await;
        }
        let owner = self.database.owner().await;
        let sql = "INSERT INTO user_account (organization_id, user_id, login, display_name, email, role, auth_source,
                state, password_hash, version, generation_floor, create_time, update_time, external_subject)
            VALUES ($1, $2, $3, 'Test', '', $4, $5, 'active', $6, 1, 0, $7, $7, $8)";
        let organization = path.organization_id().uuid();
        let subject = (auth_source == AuthSource::External).then_some(login);
        let (id_, role, source, now) = (id.uuid(), role.as_str(), auth_source.as_str(), self.now());
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
            [&organization, &id_, &login, &role, &source, &hash, &now, &subject];
        owner.execute(sql, &parameters).await.unwrap();
        id
    }

    pub(crate) async fn hash(&self, password: &str) -> String {
        let password = Password::parse(password).unwrap();
        self.identity
            .passwords
            .hash(Lane::Peer("test".to_owned()), password)
            .await
            .unwrap()
            .expose()
            .to_owned()
    }

    /// Puts an organisation into the copy, as following tenant does.
    pub(crate) async fn project(&self, facts: &OrganizationFacts) {
        self.identity
            .store
            .bookkeeping("project", facts.clone(), |unit, facts| {
                Box::pin(
                    async move { Ok(identity::store::organizations::project(unit, facts).await.map(drop)?) },
                )
            })
            .await
            .unwrap();
    }

    pub(crate) async fn start(&self, login: &str, password: &str) -> Outcome<StartedSignIn> {
        let command = StartSignIn {
            login: login.parse().ok(),
            password: Password::parse(password).unwrap(),
            origin: origin(),
        };
        self.identity.start_sign_in(command).await
    }

    /// Signs in where nothing more than the password is demanded.
    pub(crate) async fn complete(&self, login: &str) -> OpenedSession {
        match self.start(login, PASSWORD).await.unwrap() {
            StartedSignIn::Complete { session, .. } => session,
            StartedSignIn::Next { step, .. } => panic!("{step:?} is asked for"),
        }
    }

    /// Begins a sign-in where more is demanded; its token.
    pub(crate) async fn pending(&self, login: &str, demand: Demand) -> Token {
        self.mfa.demand(demand);
        match self.start(login, PASSWORD).await.unwrap() {
            StartedSignIn::Next { token, .. } => token,
            StartedSignIn::Complete { .. } => panic!("nothing more is asked for"),
        }
    }

    /// Everything recorded so far, in order.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let owner = self.database.owner().await;
        let rows = owner.query("SELECT envelope FROM event ORDER BY seq", &[]).await.unwrap();
        rows.iter().map(|row| Event::decode(row.get::<_, &[u8]>(0)).unwrap()).collect()
    }

    /// The types of what was recorded so far, but for the signing key's.
    pub(crate) async fn event_types(&self) -> Vec<String> {
        let events = self.events().await.into_iter().map(|event| event.r#type);
        events.filter(|name| name != "identity.signing_key.created").collect()
    }

    /// Why sign-ins were refused, in order.
    pub(crate) async fn refusals(&self) -> Vec<(String, i32)> {
        let refusal = |event: Event| match event.payload {
            Some(Payload::SignInRefused(refused)) => Some((refused.step, refused.refusal)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(refusal).collect()
    }

    /// One number from the database.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.database.owner().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.database.owner().await.batch_execute(sql).await.unwrap();
    }
}

fn replica(
    database: &Database,
    url: &str,
    clock: &ManualClock,
    keyring: &Arc<Keyring>,
    mfa: &Arc<ScriptedMfa>,
    tenant: &Arc<ScriptedTenant>,
    reference: &SteeredReference,
) -> Identity {
    let connect = |url: &str| Store::connect_lazily(url, PoolOptions::default()).unwrap();
    let (store, logs) = (connect(url), connect(&database.service_url));
    let log = Log::open(ServiceName::Identity, logs, Arc::clone(keyring), clock.shared());
    Identity::new(Parts {
        tokens: AccessTokens::new(store.clone(), clock.shared(), Arc::clone(keyring), ISSUER.to_owned()),
        dependents: Dependents::new(ServiceName::Identity, log, Vec::new()),
        store,
        clock: clock.shared(),
        keyring: Arc::clone(keyring),
        passwords: PasswordPool::new(PoolSize::default()).unwrap(),
        delays: SignInDelays::new(DelayThresholds::default()),
        refusals: RefusalCounter::default(),
        mfa: Arc::clone(mfa) as Arc<dyn identity::peers::mfa::Mfa>,
        tenant: Arc::clone(tenant) as Arc<dyn identity::peers::tenant::Tenant>,
        clock_guard: ClockGuard::spawn(
            clock.shared(),
            vec![Arc::new(reference.clone())],
            ClockGuardOptions::default(),
        ),
        brokers: [BROKER.to_owned()].into(),
        lifetimes: Lifetimes::default(),
    })
}

pub(crate) fn organization(
    path: &OrganizationPath,
    name: &str,
    state: OrganizationState,
    version: i64,
) -> OrganizationFacts {
    OrganizationFacts {
        path: path.clone(),
        name: name.parse().unwrap(),
        realms: vec![format!("{name}.example").parse().unwrap()],
        state,
        version,
    }
}

/// Somebody who acts, with a fresh second factor; not in the database.
pub(crate) fn caller(role: Role, path: &OrganizationPath, bench: &Bench) -> SignedIn {
    SignedIn {
        user_id: UserId::generate(),
        path: path.clone(),
        login: "caller@provider.example".parse().unwrap(),
        role,
        session_id: SessionId::generate(),
        amr: vec!["pwd".into(), "otp".into(), "mfa".into()],
        auth_time: bench.now(),
        mfa_time: Some(bench.now()),
        generation: 0,
    }
}

pub(crate) fn origin() -> Origin {
    Origin {
        call: CallInfo {
            peer: "console".to_owned(),
            trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
        },
        client: Client { address: Some([192, 0, 2, 7].into()), user_agent: "test".to_owned() },
        request_id: None,
    }
}

/// What a caller sees of a fault.
pub(crate) fn public(fault: &Fault) -> String {
    let wait = fault.retry_after();
    format!("{} {} {:?} {:?} {wait:?}", fault.reason(), fault.message(), fault.metadata(), fault.fields())
}

/// Refreshes a session.
pub(crate) async fn refresh(bench: &Bench, session: &OpenedSession) -> Outcome<OpenedSession> {
    let command =
        RefreshSession { refresh_token: Some(session.refresh_token.clone()), key: None, origin: origin() };
    bench.identity.refresh_session(command).await
}

/// Whether a session's access token is good for anything.
pub(crate) async fn lives(bench: &Bench, session: &OpenedSession) -> bool {
    bench.identity.introspect_token(&session.access_token.text).await.unwrap().is_some()
}
