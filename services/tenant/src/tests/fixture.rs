//! A service without its network, on a database of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::{Caller, Peer, SignedIn};
use clock::ManualClock;
use eventlog::{Dependents, Log, Sequencer};
use fault::Reason;
use host::{ClockGuard, ClockGuardOptions, SteeredReference};
use keyring::Keyring;
use prost::Message;
use proto::common::OrganizationFacts;
use proto::events::Event;
use proto::tenant::organization_facts_service_server::OrganizationFactsService;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    BootstrapRequest, CreateCompanyRequest, CreateResellerRequest, Organization, ResolveOrganizationRequest,
};
use rpc::PeerChannel;
use store::{PoolOptions, Store};
use time::macros::datetime;
use tonic::{Request, Response, Status};
use types::{OrganizationPath, Role, ServiceName, SessionId, UserId};

use super::dependent::{Dependent, reserve};
use super::support::{Certificates, Database, TRUST_DOMAIN};
use crate::domain::Organization as Stored;
use crate::ops::Tenant;
use crate::rpc::{FactsHandlers, TenantHandlers};

/// The service, its database and its time.
pub(super) struct Fixture {
    pub(super) tenant: Arc<Tenant>,
    pub(super) rpcs: TenantHandlers,
    pub(super) facts: FactsHandlers,
    pub(super) clock: ManualClock,
    /// What the clock is compared with.
    pub(super) reference: SteeredReference,
    pub(super) rows: tokio_postgres::Client,
    pub(super) certificates: Certificates,
    _sequencer: Sequencer,
}

/// A provider, a reseller with two companies, and another reseller with one.
pub(super) struct Tree {
    pub(super) provider: Organization,
    pub(super) reseller: Organization,
    pub(super) company: Organization,
    pub(super) other_reseller: Organization,
    pub(super) other_company: Organization,
}

impl Fixture {
    /// On an empty database. identity and mfa are not there: nobody listens where they should.
    pub(super) async fn new() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Self::with_peers_at([nowhere, nowhere]).await
    }

    /// With a tree, and with identity and mfa, which have applied nothing yet.
    pub(super) async fn with_dependents() -> (Self, Tree, [Dependent; 2]) {
        let [(identity, identity_at), (mfa, mfa_at)] = [reserve(), reserve()];
        let fixture = Self::with_peers_at([identity_at, mfa_at]).await;
        let identity = Dependent::start(&fixture, Peer::IDENTITY, identity).await;
        let mfa = Dependent::start(&fixture, Peer::MFA, mfa).await;
        let tree = fixture.tree().await;
        (fixture, tree, [identity, mfa])
    }

    /// With a tree, and with identity and mfa, which apply everything at once.
    pub(super) async fn in_force() -> (Self, Tree) {
        let (fixture, tree, dependents) = Self::with_dependents().await;
        for dependent in &dependents {
            dependent.apply_everything().await;
        }
        (fixture, tree)
    }

    /// On an empty database, with identity and mfa at addresses.
    async fn with_peers_at(peers: [SocketAddr; 2]) -> Self {
        let database = Database::create(crate::migrations).await;
        let certificates = Certificates::create();
        let clock = ManualClock::at(datetime!(2026-11-24 09:00 UTC));
        let store = Store::connect_lazily(&database.service_url, PoolOptions::default()).unwrap();
        let keyring = Arc::new(Keyring::ephemeral().unwrap());
        let log = Log::open(ServiceName::Tenant, store.clone(), Arc::clone(&keyring), clock.shared());
        let sequencer = Sequencer::spawn(&database.sequencer_url, Default::default()).unwrap();
        let own = certificates.of("tenant");
        let channel = |address: SocketAddr, name| {
            PeerChannel::connect_lazily(vec![address.to_string()], &own, name).unwrap()
        };
        let mfa = (ServiceName::Mfa, channel(peers[1], Peer::MFA));
        let identity = (ServiceName::Identity, channel(peers[0], Peer::IDENTITY));
        let reference = SteeredReference::default();
        let often = ClockGuardOptions { every: Duration::from_millis(5), ..Default::default() };
        let clock_guard = ClockGuard::spawn(clock.shared(), vec![Arc::new(reference.clone())], often);
        clock_guard.looked().await;
        let tenant = Arc::new(Tenant {
            store,
            clock: clock.shared(),
            keyring,
            enforcers: Dependents::new(ServiceName::Tenant, log.clone(), vec![mfa.clone()]),
            dependents: Dependents::new(ServiceName::Tenant, log, vec![identity, mfa]),
            clock_guard,
        });
        Self {
            rpcs: TenantHandlers(Arc::clone(&tenant)),
            facts: FactsHandlers(Arc::clone(&tenant)),
            tenant,
            clock,
            reference,
            rows: database.owner().await,
            certificates,
            _sequencer: sequencer,
        }
    }

    /// With a tree.
    pub(super) async fn with_tree() -> (Self, Tree) {
        let fixture = Self::new().await;
        let tree = fixture.tree().await;
        (fixture, tree)
    }

    /// Creates a tree in an empty database.
    pub(super) async fn tree(&self) -> Tree {
        let bootstrap = BootstrapRequest {
            name: "Cloudline".into(),
            realm: "cloudline.example".into(),
            ..Default::default()
        };
        let answer = self.rpcs.bootstrap(by_operator(bootstrap)).await;
        let provider = organization(answer.map(|answer| answer.into_inner().organization));
        let admin = admin(&provider);
        let reseller = self.reseller(&admin, "Nordwind IT").await;
        let company = self.company(&admin, &reseller, "Acme GmbH").await;
        let other_reseller = self.reseller(&admin, "Südstern Systems").await;
        let other_company = self.company(&admin, &other_reseller, "Globex").await;
        Tree { provider, reseller, company, other_reseller, other_company }
    }

    pub(super) async fn reseller(&self, caller: &SignedIn, name: &str) -> Organization {
        let request = CreateResellerRequest { name: name.into(), ..Default::default() };
        let answer = self.rpcs.create_reseller(by(caller, request)).await;
        organization(answer.map(|answer| answer.into_inner().organization))
    }

    pub(super) async fn company(&self, caller: &SignedIn, below: &Organization, name: &str) -> Organization {
        let request =
            CreateCompanyRequest { reseller_id: below.id.clone(), name: name.into(), ..Default::default() };
        let answer = self.rpcs.create_company(by(caller, request)).await;
        organization(answer.map(|answer| answer.into_inner().organization))
    }

    /// Every event, in the order in which they were appended.
    pub(super) async fn events(&self) -> Vec<Event> {
        let rows = self.rows.query("SELECT envelope FROM event ORDER BY seq", &[]).await.unwrap();
        rows.iter().map(|row| Event::decode(row.get::<_, &[u8]>(0)).unwrap()).collect()
    }

    /// The last event.
    pub(super) async fn last_event(&self) -> Event {
        self.events().await.pop().unwrap()
    }

    /// The position of the event of a type, as soon as it has one.
    pub(super) async fn position_of(&self, event_type: &str) -> i64 {
        let sql = "SELECT max(position) FROM event_position WHERE type = $1";
        loop {
            let position = self.rows.query_one(sql, &[&event_type]).await.unwrap().get::<_, Option<i64>>(0);
            if let Some(position) = position {
                return position;
            }
        }
    }

    /// An organisation as its row has it.
    pub(super) async fn organization(&self, organization: &Organization) -> Stored {
        let id = organization.id.parse().unwrap();
        crate::store::load(&self.tenant.store, id).await.unwrap().unwrap()
    }

    /// What the other services are told about an organisation.
    pub(super) async fn facts_of(&self, key: Key) -> Result<OrganizationFacts, Reason> {
        let request = ResolveOrganizationRequest { key: Some(key) };
        match self.facts.resolve_organization(Request::new(request)).await {
            Ok(answer) => Ok(answer.into_inner().organization.unwrap()),
            Err(status) => Err(rpc::reason_of(&status).unwrap()),
        }
    }

    /// Waits until something waits for a lock that the test's own connection holds.
    pub(super) async fn somebody_waits(&self) {
        let blocks = "SELECT EXISTS (SELECT FROM pg_locks \
                      WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
        while !self.rows.query_one(blocks, &[]).await.unwrap().get::<_, bool>(0) {}
    }

    /// How many organisations there are.
    pub(super) async fn count(&self) -> i64 {
        self.rows.query_one("SELECT count(*) FROM organization", &[]).await.unwrap().get(0)
    }

    pub(super) async fn set_state(&self, organization: &Organization, state: &str) {
        let id: uuid::Uuid = organization.id.parse().unwrap();
        let sql = "UPDATE organization SET state = $2, version = version + 1 WHERE organization_id = $1";
        assert_eq!(self.rows.execute(sql, &[&id, &state]).await.unwrap(), 1);
    }

    pub(super) fn tick(&self) {
        self.clock.advance(time::Duration::minutes(1));
    }
}

/// A user of an organisation, with a second factor proved just now.
pub(super) fn user(role: Role, organization: &Organization) -> SignedIn {
    let path = organization.path.iter().map(|id| id.parse().unwrap()).collect();
    let now = datetime!(2026-11-24 09:00 UTC);
    SignedIn {
        user_id: UserId::generate(),
        path: OrganizationPath::new(path).unwrap(),
        login: "ada@example.com".parse().unwrap(),
        role,
        session_id: SessionId::generate(),
        amr: vec!["pwd".into(), "otp".into(), "mfa".into()],
        auth_time: now,
        mfa_time: Some(now),
        generation: 0,
    }
}

/// The administrator of an organisation's level.
pub(super) fn admin(organization: &Organization) -> SignedIn {
    let role = match organization.path.len() {
        1 => Role::ProviderAdmin,
        2 => Role::ResellerAdmin,
        _ => Role::CompanyAdmin,
    };
    user(role, organization)
}

/// A request as the layers hand it on: of the console, for a user.
pub(super) fn by<M>(caller: &SignedIn, message: M) -> Request<M> {
    from("console", Some(caller.clone()), message)
}

/// A request of the operator, for nobody.
pub(super) fn by_operator<M>(message: M) -> Request<M> {
    from("operator", None, message)
}

fn from<M>(peer: &str, user: Option<SignedIn>, message: M) -> Request<M> {
    let uri = format!("spiffe://{TRUST_DOMAIN}/ns/default/sa/{peer}");
    let peer = Peer::parse_spiffe(&uri, TRUST_DOMAIN).unwrap();
    let mut request = Request::new(message);
    request.extensions_mut().insert(Arc::new(Caller { peer, user }));
    request
}

pub(super) fn organization(answer: Result<Option<Organization>, Status>) -> Organization {
    answer.unwrap().unwrap()
}

/// Why a call was refused.
pub(super) fn refusal<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Reason {
    rpc::reason_of(&answer.unwrap_err()).unwrap()
}
