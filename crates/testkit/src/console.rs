//! What the console's back end would do, as short as a test wants to read it.

use proto::common::{Client, Role};
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::{Event, EventOrder, ListEventsRequest};
use proto::identity::session_service_client::SessionServiceClient;
use proto::identity::sign_in_service_client::SignInServiceClient;
use proto::identity::user_service_client::UserServiceClient;
use proto::identity::{
    AcknowledgeMfaEnrollmentRequest, BeginMfaEnrollmentRequest, BeginMfaEnrollmentResponse,
    ConfirmMfaEnrollmentRequest, CreateUserRequest, RefreshSessionRequest, Session, StartSignInRequest,
    StartSignInResponse, User, VerifyMfaRequest,
};
use proto::mfa::enforcement_service_client::EnforcementServiceClient;
use proto::mfa::factor_service_client::FactorServiceClient;
use proto::mfa::verification_service_client::VerificationServiceClient;
use proto::mfa::{Target, target};
use proto::tenant::tenant_service_client::TenantServiceClient;
use proto::tenant::{CreateCompanyRequest, CreateResellerRequest, Organization};
use tonic::{Request, Status};

use crate::{Authenticator, Witnessed};

/// The password of every user a test makes.
pub const PASSWORD: &str = "correct horse battery staple";

/// Clients of all services with one peer's certificate.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "one generated client a field")]
pub struct Console {
    pub tenants: TenantServiceClient<Witnessed>,
    pub users: UserServiceClient<Witnessed>,
    pub sign_ins: SignInServiceClient<Witnessed>,
    pub sessions: SessionServiceClient<Witnessed>,
    pub enforcement: EnforcementServiceClient<Witnessed>,
    pub factors: FactorServiceClient<Witnessed>,
    pub verification: VerificationServiceClient<Witnessed>,
    pub tenant_events: EventLogServiceClient<Witnessed>,
    pub identity_events: EventLogServiceClient<Witnessed>,
    pub mfa_events: EventLogServiceClient<Witnessed>,
}

/// A message on behalf of a user.
pub fn as_user<T>(session: &Session, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", session.access_token).parse().expect("a token is ASCII");
    request.metadata_mut().insert("authorization", value);
    request
}

/// The reason in a refusal's details.
#[must_use]
pub fn reason(status: Status) -> String {
    rpc::reason_of(&status).map_or_else(|| format!("{status:?}"), |reason| reason.to_string())
}

/// A user as an enforcement target.
#[must_use]
pub fn user_target(id: &str) -> Option<Target> {
    Some(Target { target: Some(target::Target::UserId(id.to_owned())) })
}

/// A company as an enforcement target.
#[must_use]
pub fn company_target(id: &str) -> Option<Target> {
    Some(Target { target: Some(target::Target::CompanyId(id.to_owned())) })
}

/// A reseller as an enforcement target.
#[must_use]
pub fn reseller_target(id: &str) -> Option<Target> {
    Some(Target { target: Some(target::Target::ResellerId(id.to_owned())) })
}

impl Console {
    pub(crate) fn new([tenant, identity, mfa]: [Witnessed; 3]) -> Self {
        Self {
            tenants: TenantServiceClient::new(tenant.clone()),
            users: UserServiceClient::new(identity.clone()),
            sign_ins: SignInServiceClient::new(identity.clone()),
            sessions: SessionServiceClient::new(identity.clone()),
            enforcement: EnforcementServiceClient::new(mfa.clone()),
            factors: FactorServiceClient::new(mfa.clone()),
            verification: VerificationServiceClient::new(mfa.clone()),
            tenant_events: EventLogServiceClient::new(tenant),
            identity_events: EventLogServiceClient::new(identity),
            mfa_events: EventLogServiceClient::new(mfa),
        }
    }

    /// The password step, with [`PASSWORD`].
    pub async fn start(&self, login: &str) -> Result<StartSignInResponse, Status> {
        self.start_with(login, PASSWORD).await
    }

    /// The password step.
    pub async fn start_with(&self, login: &str, password: &str) -> Result<StartSignInResponse, Status> {
        let client = Some(Client { address: "192.0.2.7".to_owned(), user_agent: "test".to_owned() });
        let request = StartSignInRequest { login: login.to_owned(), password: password.to_owned(), client };
        Ok(self.sign_ins.clone().start_sign_in(request).await?.into_inner())
    }

    /// The code step.
    pub async fn verify(&self, sign_in_token: &str, code: &str) -> Result<Session, Status> {
        let request = VerifyMfaRequest {
            sign_in_token: sign_in_token.to_owned(),
            code: code.to_owned(),
            ..VerifyMfaRequest::default()
        };
        Ok(self.sign_ins.clone().verify_mfa(request).await?.into_inner().session.expect("a session"))
    }

    /// Asks for a secret.
    pub async fn begin(
        &self,
        sign_in_token: &str,
        ticket: &str,
    ) -> Result<BeginMfaEnrollmentResponse, Status> {
        let request = BeginMfaEnrollmentRequest {
            sign_in_token: sign_in_token.to_owned(),
            enrollment_ticket: ticket.to_owned(),
        };
        Ok(self.sign_ins.clone().begin_mfa_enrollment(request).await?.into_inner())
    }

    /// Proves the secret.
    pub async fn confirm(&self, sign_in_token: &str, code: &str) -> Result<(), Status> {
        let request = ConfirmMfaEnrollmentRequest {
            sign_in_token: sign_in_token.to_owned(),
            code: code.to_owned(),
            ..ConfirmMfaEnrollmentRequest::default()
        };
        self.sign_ins.clone().confirm_mfa_enrollment(request).await?;
        Ok(())
    }

    /// "I saved it."
    pub async fn acknowledge(&self, sign_in_token: &str) -> Result<Session, Status> {
        let request = AcknowledgeMfaEnrollmentRequest {
            sign_in_token: sign_in_token.to_owned(),
            ..AcknowledgeMfaEnrollmentRequest::default()
        };
        Ok(self
            .sign_ins
            .clone()
            .acknowledge_mfa_enrollment(request)
            .await?
            .into_inner()
            .session
            .expect("a session"))
    }

    /// The whole enrolment of a sign-in, with the previous time step's code, so that the present one is still good.
    pub async fn enrol(
        &self,
        sign_in_token: &str,
        ticket: &str,
        now: clock::Timestamp,
    ) -> Result<(Authenticator, Session), Status> {
        let begun = self.begin(sign_in_token, ticket).await?;
        let authenticator = Authenticator::new(&begun.secret_base32);
        self.confirm(sign_in_token, &authenticator.code(now - time::Duration::seconds(30))).await?;
        Ok((authenticator, self.acknowledge(sign_in_token).await?))
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, session: &Session) -> Result<Session, Status> {
        let request = RefreshSessionRequest {
            refresh_token: session.refresh_token.clone(),
            ..RefreshSessionRequest::default()
        };
        Ok(self.sessions.clone().refresh_session(request).await?.into_inner().session.expect("a session"))
    }

    /// Creates a reseller whose realm is its name.
    pub async fn create_reseller(
        &self,
        by: &Session,
        name: &str,
        enforce_mfa: bool,
    ) -> Result<Organization, Status> {
        let request = CreateResellerRequest {
            name: name.to_owned(),
            realm: format!("{name}.example"),
            enforce_mfa,
            ..CreateResellerRequest::default()
        };
        let answer = self.tenants.clone().create_reseller(as_user(by, request)).await?.into_inner();
        Ok(answer.organization.expect("an organisation"))
    }

    /// Creates a company whose realm is its name.
    pub async fn create_company(
        &self,
        by: &Session,
        reseller_id: &str,
        name: &str,
        enforce_mfa: bool,
    ) -> Result<Organization, Status> {
        let request = CreateCompanyRequest {
            reseller_id: reseller_id.to_owned(),
            name: name.to_owned(),
            realm: format!("{name}.example"),
            enforce_mfa,
            ..CreateCompanyRequest::default()
        };
        let answer = self.tenants.clone().create_company(as_user(by, request)).await?.into_inner();
        Ok(answer.organization.expect("an organisation"))
    }

    /// Creates a user with [`PASSWORD`].
    pub async fn create_user(
        &self,
        by: &Session,
        organization_id: &str,
        login: &str,
        role: Role,
        enforce_mfa: bool,
    ) -> Result<User, Status> {
        let request = CreateUserRequest {
            organization_id: organization_id.to_owned(),
            login: login.to_owned(),
            display_name: "Test User".to_owned(),
            role: role.into(),
            password: PASSWORD.to_owned(),
            enforce_mfa,
            ..CreateUserRequest::default()
        };
        let answer = self.users.clone().create_user(as_user(by, request)).await?.into_inner();
        Ok(answer.user.expect("a user"))
    }

    /// All of an organisation's events in mfa's log, oldest first.
    pub async fn mfa_history(&self, by: &Session, organization_id: &str) -> Result<Vec<Event>, Status> {
        history(&self.mfa_events, by, organization_id).await
    }

    /// All of an organisation's events in identity's log, oldest first.
    pub async fn identity_history(&self, by: &Session, organization_id: &str) -> Result<Vec<Event>, Status> {
        history(&self.identity_events, by, organization_id).await
    }
}

async fn history(
    log: &EventLogServiceClient<Witnessed>,
    by: &Session,
    organization_id: &str,
) -> Result<Vec<Event>, Status> {
    let request = ListEventsRequest {
        organization_id: organization_id.to_owned(),
        order: EventOrder::OldestFirst.into(),
        page_size: 500,
        ..ListEventsRequest::default()
    };
    Ok(log.clone().list_events(as_user(by, request)).await?.into_inner().events)
}
