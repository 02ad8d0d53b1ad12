//! The services as a client sees them: what the console's back end would do, over the real API.

use std::path::{Path, PathBuf};

use proto::events::event_log_service_client::EventLogServiceClient;
use proto::identity::session_service_client::SessionServiceClient;
use proto::identity::sign_in_service_client::SignInServiceClient;
use proto::identity::user_service_client::UserServiceClient;
use proto::identity::{
    AcknowledgeMfaEnrollmentRequest, BeginMfaEnrollmentRequest, BeginMfaEnrollmentResponse,
    ConfirmMfaEnrollmentRequest, NextStep, Session, StartSignInRequest, StartSignInResponse,
    VerifyMfaRequest,
};
use proto::mfa::enforcement_service_client::EnforcementServiceClient;
use proto::mfa::factor_service_client::FactorServiceClient;
use proto::tenant::tenant_service_client::TenantServiceClient;
use rpc::{PeerChannel, TlsFiles};
use tonic::{Request, Status};

use crate::authenticator::{Authenticator, present_step};
use crate::failure::{During as _, Failure, Outcome, status_text};
use crate::layout::Layout;

/// Where the services are and as whom to call them.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) tenant: Vec<String>,
    pub(crate) identity: Vec<String>,
    pub(crate) mfa: Vec<String>,
    pub(crate) tls: TlsFiles,
}

impl Access {
    /// Access with one peer's certificate in a data directory.
    pub(crate) fn in_layout(layout: &Layout, peer: &str, addresses: [Vec<String>; 3]) -> Self {
        let [tenant, identity, mfa] = addresses;
        let tls = tls_files(layout.ca_certificate(), layout.certificate(peer), layout.key(peer));
        Self { tenant, identity, mfa, tls }
    }
}

pub(crate) fn tls_files(ca: impl Into<PathBuf>, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> TlsFiles {
    TlsFiles { ca: ca.into(), cert: cert.as_ref().to_owned(), key: key.as_ref().to_owned() }
}

/// A channel to a service's replicas.
pub(crate) fn channel(addresses: &[String], tls: &TlsFiles, service: &str) -> Outcome<PeerChannel> {
    PeerChannel::connect_lazily(addresses.to_vec(), tls, service)
        .during(format!("prepare the way to {service}"))
}

/// A client of every service.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    pub(crate) tenants: TenantServiceClient<PeerChannel>,
    pub(crate) users: UserServiceClient<PeerChannel>,
    pub(crate) sign_ins: SignInServiceClient<PeerChannel>,
    pub(crate) sessions: SessionServiceClient<PeerChannel>,
    pub(crate) enforcement: EnforcementServiceClient<PeerChannel>,
    pub(crate) factors: FactorServiceClient<PeerChannel>,
    pub(crate) mfa_events: EventLogServiceClient<PeerChannel>,
}

impl Platform {
    /// Connects lazily.
    pub(crate) fn connect(access: &Access) -> Outcome<Self> {
        let tenant = channel(&access.tenant, &access.tls, "tenant")?;
        let identity = channel(&access.identity, &access.tls, "identity")?;
        let mfa = channel(&access.mfa, &access.tls, "mfa")?;
        Ok(Self {
            tenants: TenantServiceClient::new(tenant),
            users: UserServiceClient::new(identity.clone()),
            sign_ins: SignInServiceClient::new(identity.clone()),
            sessions: SessionServiceClient::new(identity.clone()),
            enforcement: EnforcementServiceClient::new(mfa.clone()),
            factors: FactorServiceClient::new(mfa.clone()),
            mfa_events: EventLogServiceClient::new(mfa),
        })
    }

    /// The password step.
    pub(crate) async fn start_sign_in(
        &self,
        login: &str,
        password: &str,
    ) -> Result<StartSignInResponse, Status> {
        let request =
            StartSignInRequest { login: login.to_owned(), password: password.to_owned(), client: None };
        Ok(self.sign_ins.clone().start_sign_in(request).await?.into_inner())
    }

    /// The code step.
    pub(crate) async fn verify(&self, sign_in_token: &str, code: &str) -> Result<Session, Status> {
        let request = VerifyMfaRequest {
            sign_in_token: sign_in_token.to_owned(),
            code: code.to_owned(),
            request_id: String::new(),
        };
        let answer = self.sign_ins.clone().verify_mfa(request).await?.into_inner();
        answer.session.ok_or_else(no_session)
    }

    /// Asks for a secret.
    pub(crate) async fn begin_enrollment(
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

    /// Proves the secret with a code.
    pub(crate) async fn confirm_enrollment(&self, sign_in_token: &str, code: &str) -> Result<(), Status> {
        let request = ConfirmMfaEnrollmentRequest {
            sign_in_token: sign_in_token.to_owned(),
            code: code.to_owned(),
            request_id: String::new(),
        };
        self.sign_ins.clone().confirm_mfa_enrollment(request).await?;
        Ok(())
    }

    /// Says "I saved it".
    pub(crate) async fn acknowledge_enrollment(&self, sign_in_token: &str) -> Result<Session, Status> {
        let request = AcknowledgeMfaEnrollmentRequest {
            sign_in_token: sign_in_token.to_owned(),
            request_id: String::new(),
        };
        let answer = self.sign_ins.clone().acknowledge_mfa_enrollment(request).await?.into_inner();
        answer.session.ok_or_else(no_session)
    }

    /// Signs in a user whose password - and secret, where enrolled - are known. The code is of a step later than
    /// `last_step`, because a code is accepted once; where that is in the future, this waits for it.
    /// Returns the session and the step used, if any.
    pub(crate) async fn sign_in(
        &self,
        login: &str,
        password: &str,
        authenticator: Option<&Authenticator>,
        last_step: i64,
    ) -> Outcome<(Session, Option<i64>)> {
        let doing = || format!("sign {login} in");
        let started =
            self.start_sign_in(login, password).await.map_err(|status| refused(doing(), &status))?;
        match started.next_step() {
            NextStep::Complete => {
                let session = started.session.ok_or_else(|| Failure::new("the answer holds no session"))?;
                Ok((session, None))
            }
            NextStep::VerifyMfa => {
                let authenticator = authenticator.ok_or_else(|| {
                    Failure::new(format!("{login} has an authenticator whose secret is not known here"))
                })?;
                let step = usable_step(last_step).await;
                let code = authenticator.code(step)?;
                let session = self
                    .verify(&started.sign_in_token, &code)
                    .await
                    .map_err(|status| refused(doing(), &status))?;
                Ok((session, Some(step)))
            }
            NextStep::EnrollMfa => Err(Failure::new(format!(
                "{login} must set up MFA first: call SignInService/BeginMfaEnrollment, or run `countersign tour` to see it done"
            ))),
            NextStep::ChangePassword => Err(Failure::new(format!(
                "{login} must replace the password first: call SignInService/ReplacePassword"
            ))),
            NextStep::Unspecified => Err(Failure::new("the answer names no next step")),
        }
    }
}

/// The first step the server accepts that is later than `last_step`: the one before the present (the server allows for a
/// phone that is slow), or the present, or the next; else waits.
async fn usable_step(last_step: i64) -> i64 {
    loop {
        let present = present_step();
        if last_step < present + 1 {
            return (last_step + 1).max(present);
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

fn no_session() -> Status {
    Status::internal("the answer holds no session")
}

/// A failure that says what was refused.
pub(crate) fn refused(doing: impl std::fmt::Display, status: &Status) -> Failure {
    Failure::new(format!("could not {doing}: {}", status_text(status)))
}

/// A request on behalf of a user.
pub(crate) fn as_user<T>(message: T, access_token: &str) -> Outcome<Request<T>> {
    let mut request = Request::new(message);
    let value = format!("Bearer {access_token}").parse().during("use the access token")?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
