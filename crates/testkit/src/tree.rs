//! A small tree of organisations: provider, a reseller with an enrolled administrator, a company without enforcement.

use proto::common::Role;
use proto::identity::{Session, User};
use proto::mfa::EnforceMfaRequest;
use proto::tenant::Organization;
use time::Duration;

use crate::console::{PASSWORD, as_user, user_target};
use crate::{Authenticator, TestSystem};

/// The tree of most tests. Sessions were opened with a second factor.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tree {
    pub provider_id: String,
    pub provider_session: Session,
    pub provider_authenticator: Authenticator,
    pub reseller: Organization,
    pub reseller_admin: User,
    pub reseller_session: Session,
    pub reseller_authenticator: Authenticator,
    pub company: Organization,
    /// The company's administrator, who has no factor and need not have one.
    pub admin: User,
}

/// The login of the provider's administrator.
pub const PROVIDER_LOGIN: &str = "root@provider.example";
/// The login of the reseller's administrator.
pub const RESELLER_LOGIN: &str = "rita@harbour.example";
/// The login of the company's administrator.
pub const ADMIN_LOGIN: &str = "alice@acme.example";

impl Tree {
    /// Bootstraps the system and plants the tree, all over the API.
    pub async fn plant(system: &TestSystem) -> Self {
        let console = &system.console;
        let (provider_id, ticket) = bootstrap(system).await;
        let started = console.start(PROVIDER_LOGIN).await.expect("the first administrator may sign in");
        let (provider_authenticator, provider_session) = console
            .enrol(&started.sign_in_token, &ticket, system.now())
            .await
            .expect("enrols with the ticket");

        let reseller =
            console.create_reseller(&provider_session, "harbour", false).await.expect("a reseller");
        let reseller_admin = console
            .create_user(&provider_session, &reseller.id, RESELLER_LOGIN, Role::ResellerAdmin, true)
            .await
            .expect("the reseller's administrator");
        let started = console.start(RESELLER_LOGIN).await.expect("the reseller's administrator may sign in");
        let (reseller_authenticator, reseller_session) =
            console.enrol(&started.sign_in_token, "", system.now()).await.expect("enrols");

        let company =
            console.create_company(&reseller_session, &reseller.id, "acme", false).await.expect("a company");
        let admin = console
            .create_user(&reseller_session, &company.id, ADMIN_LOGIN, Role::CompanyAdmin, false)
            .await
            .expect("the company's administrator");
        Self {
            provider_id,
            provider_session,
            provider_authenticator,
            reseller,
            reseller_admin,
            reseller_session,
            reseller_authenticator,
            company,
            admin,
        }
    }

    /// Enforces MFA for the company's administrator and enrols them. The present time step's code is still good.
    pub async fn enrolled_admin(&self, system: &TestSystem) -> (Authenticator, Session) {
        let console = &system.console;
        let request =
            EnforceMfaRequest { target: user_target(&self.admin.id), ..EnforceMfaRequest::default() };
        console
            .enforcement
            .clone()
            .enforce_mfa(as_user(&self.reseller_session, request))
            .await
            .expect("the reseller's administrator may enforce");
        let started = console.start(ADMIN_LOGIN).await.expect("the password is right");
        console.enrol(&started.sign_in_token, "", system.now()).await.expect("enrols")
    }

    /// A new session of the reseller's administrator, with a fresh second factor. Moves the clock by one time step.
    pub async fn reseller_again(&self, system: &TestSystem) -> Session {
        system.clock.advance(Duration::seconds(30));
        let started = system.console.start(RESELLER_LOGIN).await.expect("the password is right");
        let code = self.reseller_authenticator.code(system.now());
        system.console.verify(&started.sign_in_token, &code).await.expect("the code is right")
    }
}

/// The provider and its first administrator: the provider's id and the enrolment ticket.
async fn bootstrap(system: &TestSystem) -> (String, String) {
    let operator = &system.operator;
    let request = proto::tenant::BootstrapRequest {
        name: "provider".to_owned(),
        realm: "provider.example".to_owned(),
        ..proto::tenant::BootstrapRequest::default()
    };
    let answer = operator.tenants.clone().bootstrap(request).await.expect("a provider").into_inner();
    let provider_id = answer.organization.expect("an organisation").id;
    let request = proto::identity::BootstrapRequest {
        organization_id: provider_id.clone(),
        login: PROVIDER_LOGIN.to_owned(),
        display_name: "Root".to_owned(),
        password: PASSWORD.to_owned(),
        ..proto::identity::BootstrapRequest::default()
    };
    let answer = operator.users.clone().bootstrap(request).await.expect("an administrator").into_inner();
    (provider_id, answer.enrollment_ticket)
}
