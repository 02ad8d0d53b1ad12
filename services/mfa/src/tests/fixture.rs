//! A service without its network, on a database of its own.

mod phone;
mod requests;
mod told;

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock as _, ManualClock};
use eventlog::Follow;
use keyring::Keyring;
use prost::Message;
use proto::events::Event;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{EvaluateSignInRequest, EvaluateSignInResponse, VerifyCodeResponse};
use store::{PoolOptions, Store};
use time::macros::datetime;
use tonic::{Response, Status};
use types::{AuthSource, OrganizationId, OrganizationPath, Role, SignInId};
use wire::UserFacts;

use super::database::Database;
use super::peers::Peers;
use crate::domain::Thresholds;
use crate::ops::Mfa;
use crate::peers::{FollowIdentity, FollowTenant};
use crate::rpc::{EnforcementHandlers, FactorHandlers, VerificationHandlers};

pub(super) use phone::Phone;
pub(super) use requests::{SignIn, by, from_identity, from_operator, refusal, session, session_in};
pub(super) use told::{creator, followed, organization_created, stranger, user_created};

/// How long a sign-in waits for what never comes.
const IMPATIENT: Duration = Duration::from_millis(100);

/// The service, its database and its time.
pub(super) struct Fixture {
    pub(super) mfa: Arc<Mfa>,
    pub(super) policy: EnforcementHandlers,
    pub(super) factors: FactorHandlers,
    pub(super) verification: VerificationHandlers,
    pub(super) peers: Arc<Peers>,
    pub(super) clock: ManualClock,
    pub(super) rows: tokio_postgres::Client,
    database: Database,
    pub(super) keyring: Arc<Keyring>,
}

/// Who is there.
pub(super) struct Tree {
    pub(super) provider: OrganizationPath,
    pub(super) reseller: OrganizationPath,
    pub(super) company: OrganizationPath,
    pub(super) other_reseller: OrganizationPath,
    pub(super) other_company: OrganizationPath,
    pub(super) provider_admin: UserFacts,
    pub(super) reseller_admin: UserFacts,
    pub(super) company_admin: UserFacts,
    pub(super) company_user: UserFacts,
    pub(super) other_reseller_admin: UserFacts,
}

impl Fixture {
    /// On an empty database.
    pub(super) async fn new() -> Self {
        let database = Database::create().await;
        let keyring = Arc::new(Keyring::ephemeral().unwrap());
        let clock = ManualClock::at(datetime!(2026-11-24 09:00:10 UTC));
        let peers = Arc::new(Peers::default());
        let mfa = service(&database.service_url, &keyring, &clock, &peers, IMPATIENT, Thresholds::default());
        Self {
            policy: EnforcementHandlers(Arc::clone(&mfa)),
            factors: FactorHandlers(Arc::clone(&mfa)),
            verification: VerificationHandlers(Arc::clone(&mfa)),
            mfa,
            peers,
            clock,
            rows: database.owner().await,
            database,
            keyring,
        }
    }

    /// Another replica on the same database.
    pub(super) fn replica(&self) -> VerificationHandlers {
        self.replica_with(IMPATIENT)
    }

    /// A replica that waits long for what is on its way.
    pub(super) fn patient_replica(&self) -> VerificationHandlers {
        self.replica_with(Duration::from_secs(20))
    }

    /// A replica that bears another amount of guessing.
    pub(super) fn replica_that_bears(&self, thresholds: Thresholds) -> VerificationHandlers {
        let Self { database, keyring, clock, peers, .. } = self;
        VerificationHandlers(service(&database.service_url, keyring, clock, peers, IMPATIENT, thresholds))
    }

    /// A service that reaches the same database by another way.
    pub(super) fn service_at(&self, database_url: &str) -> Arc<Mfa> {
        let Self { keyring, clock, peers, .. } = self;
        service(database_url, keyring, clock, peers, IMPATIENT, Thresholds::default())
    }

    /// The database, as the service reaches it.
    pub(super) fn service_url(&self) -> &str {
        &self.database.service_url
    }

    fn replica_with(&self, patience: Duration) -> VerificationHandlers {
        let Self { database, keyring, clock, peers, .. } = self;
        VerificationHandlers(service(
            &database.service_url,
            keyring,
            clock,
            peers,
            patience,
            Thresholds::default(),
        ))
    }

    /// With a tree, nobody of which is enforced.
    pub(super) async fn with_tree() -> (Self, Tree) {
        let fixture = Self::new().await;
        let provider = OrganizationPath::root(OrganizationId::generate());
        let [reseller, other_reseller] =
            [(); 2].map(|()| provider.child(OrganizationId::generate()).unwrap());
        let [company, other_company] =
            [&reseller, &other_reseller].map(|path| path.child(OrganizationId::generate()).unwrap());
        for (path, name) in [
            (&provider, "Cloudline"),
            (&reseller, "Nordwind IT"),
            (&company, "Blue Ridge & Söhne"),
            (&other_reseller, "Südstern Systems"),
            (&other_company, "Globex"),
        ] {
            fixture.create_organization(path, name, false).await;
        }
        let tree = Tree {
            provider_admin: fixture.create_user(&provider, Role::ProviderAdmin, false).await,
            reseller_admin: fixture.create_user(&reseller, Role::ResellerAdmin, false).await,
            company_admin: fixture.create_user(&company, Role::CompanyAdmin, false).await,
            company_user: fixture.create_user(&company, Role::CompanyUser, false).await,
            other_reseller_admin: fixture.create_user(&other_reseller, Role::ResellerAdmin, false).await,
            provider,
            reseller,
            company,
            other_reseller,
            other_company,
        };
        (fixture, tree)
    }

    /// An organisation that tenant has created and its log has told.
    pub(super) async fn create_organization(
        &self,
        path: &OrganizationPath,
        name: &str,
        enforce: bool,
    ) -> Event {
        let facts = self.peers.add_organization(path.clone(), name);
        let event = organization_created(&facts, enforce);
        self.follow(FollowTenant, &event).await;
        event
    }

    /// A user that identity has created and its log has told.
    pub(super) async fn create_user(&self, path: &OrganizationPath, role: Role, enforce: bool) -> UserFacts {
        let facts = self.peers.add_user(path, role, AuthSource::Local);
        self.follow(FollowIdentity, &user_created(&facts, enforce)).await;
        facts
    }

    /// Applies a followed event in a transaction, as the follower does.
    pub(super) async fn follow(&self, follow: impl Follow, event: &Event) {
        let context = (follow, event.clone(), self.clock.now());
        let applied = self.mfa.store.bookkeeping("follow", context, |unit, (follow, event, now)| {
            Box::pin(async move { follow.apply(unit, event, *now).await })
        });
        applied.await.unwrap();
    }

    pub(super) fn tick(&self, seconds: i64) {
        self.clock.advance(time::Duration::seconds(seconds));
    }

    pub(super) async fn evaluate(&self, user: &UserFacts) -> Result<EvaluateSignInResponse, Status> {
        let request = EvaluateSignInRequest { user: Some(user.to_wire()) };
        self.verification.evaluate_sign_in(from_identity(request)).await.map(Response::into_inner)
    }

    /// A sign-in whose password was accepted: evaluated, and bound to what it was told.
    pub(super) async fn sign_in(&self, user: &UserFacts) -> SignIn {
        let told = self.evaluate(user).await.unwrap();
        SignIn { id: SignInId::generate(), user: user.clone(), told }
    }

    pub(super) async fn verify(&self, sign_in: &SignIn, code: &str) -> Result<VerifyCodeResponse, Status> {
        self.verification.verify_code(sign_in.verify(code)).await.map(Response::into_inner)
    }

    pub(super) async fn begin(&self, sign_in: &SignIn, ticket: &str) -> Result<Phone, Status> {
        let begun = self.verification.begin_sign_in_enrollment(sign_in.begin(ticket)).await?;
        Ok(Phone::scan(begun.into_inner()))
    }

    pub(super) async fn confirm(&self, sign_in: &SignIn, code: &str) -> Result<(), Status> {
        self.verification.confirm_sign_in_enrollment(sign_in.confirm(code)).await.map(drop)
    }

    pub(super) async fn acknowledge(&self, sign_in: &SignIn) -> Result<i64, Status> {
        let answer = self.verification.acknowledge_sign_in_enrollment(sign_in.acknowledge()).await?;
        Ok(answer.into_inner().generation)
    }

    /// A user with a factor whose confirming code was of the present step, thirty seconds ago.
    pub(super) async fn enroll(&self, user: &UserFacts) -> Phone {
        let sign_in = self.sign_in(user).await;
        let phone = self.begin(&sign_in, "").await.unwrap();
        self.confirm(&sign_in, &phone.code(self)).await.unwrap();
        self.acknowledge(&sign_in).await.unwrap();
        self.tick(30);
        phone
    }

    /// Every event, in the order in which they were appended.
    pub(super) async fn events(&self) -> Vec<Event> {
        let rows = self.rows.query("SELECT envelope FROM event ORDER BY seq", &[]).await.unwrap();
        rows.iter().map(|row| Event::decode(row.get::<_, &[u8]>(0)).unwrap()).collect()
    }

    /// Their types.
    pub(super) async fn event_types(&self) -> Vec<String> {
        self.events().await.into_iter().map(|event| event.r#type).collect()
    }

    /// How many rows a table has.
    pub(super) async fn count(&self, table: &str) -> i64 {
        self.rows.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
    }
}

fn service(
    database_url: &str,
    keyring: &Arc<Keyring>,
    clock: &ManualClock,
    peers: &Arc<Peers>,
    patience: Duration,
    thresholds: Thresholds,
) -> Arc<Mfa> {
    Arc::new(Mfa {
        store: Store::connect_lazily(database_url, PoolOptions::default()).unwrap(),
        clock: clock.shared(),
        keyring: Arc::clone(keyring),
        tenant: Arc::clone(peers) as _,
        identity: Arc::clone(peers) as _,
        in_force: Arc::clone(peers) as _,
        clock_trust: Arc::clone(peers) as _,
        thresholds,
        patience,
    })
}
