//! `countersign.identity.v1.SignInService`

use ::rpc::respond;
use fault::{Fault, Outcome, Reason};
use proto::identity::sign_in_service_server::SignInService;
use proto::identity::{
    AcceptInvitationRequest, AcceptInvitationResponse, AcknowledgeMfaEnrollmentRequest,
    AcknowledgeMfaEnrollmentResponse, AssertExternalSignInRequest, AssertExternalSignInResponse,
    BeginMfaEnrollmentRequest, BeginMfaEnrollmentResponse, ConfirmMfaEnrollmentRequest,
    ConfirmMfaEnrollmentResponse, NextStep as WireNextStep, StartSignInRequest, StartSignInResponse,
    VerifyMfaRequest, VerifyMfaResponse,
};
use tonic::{Request, Response, Status};
use types::Password;
use wire::timestamp_to_wire;
use zeroize::Zeroizing;

use super::fields::{origin, password, session, token};
use crate::domain::external::ExternalMethods;
use crate::domain::sign_in::NextStep;
use crate::ops::{
    AcceptInvitation, AcknowledgeMfaEnrollment, AssertExternalSignIn, BeginMfaEnrollment,
    ConfirmMfaEnrollment, Identity, StartSignIn, StartedSignIn, VerifyMfa,
};
use crate::peers::mfa::PendingSecret;

/// No login is longer than this, in bytes.
const LOGIN_LIMIT: usize = 1_024;

/// The service.
#[derive(Clone)]
pub struct SignIns(pub Identity);

#[tonic::async_trait]
impl SignInService for SignIns {
    async fn start_sign_in(
        &self,
        request: Request<StartSignInRequest>,
    ) -> Result<Response<StartSignInResponse>, Status> {
        let work = async || Ok(started(self.0.start_sign_in(start(request)?).await?));
        respond(work().await)
    }

    async fn verify_mfa(
        &self,
        request: Request<VerifyMfaRequest>,
    ) -> Result<Response<VerifyMfaResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = VerifyMfa {
                // The code first: what is no code is told before anything is looked up.
                code: wire::id("code", &message.code)?,
                sign_in_token: token("sign_in_token", &message.sign_in_token)?,
                origin: origin(&request, None, &message.request_id)?,
            };
            let opened = self.0.verify_mfa(command).await?;
            Ok(VerifyMfaResponse {
                session: Some(session(&opened)),
                next_step: WireNextStep::Complete.into(),
            })
        };
        respond(work().await)
    }

    async fn begin_mfa_enrollment(
        &self,
        request: Request<BeginMfaEnrollmentRequest>,
    ) -> Result<Response<BeginMfaEnrollmentResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let ticket = match message.enrollment_ticket.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_| Reason::EnrollmentTicketRefused)?),
            };
            let command = BeginMfaEnrollment {
                sign_in_token: token("sign_in_token", &message.sign_in_token)?,
                enrollment_ticket: ticket,
                origin: origin(&request, None, "")?,
            };
            Ok(begun(self.0.begin_mfa_enrollment(command).await?))
        };
        respond(work().await)
    }

    async fn confirm_mfa_enrollment(
        &self,
        request: Request<ConfirmMfaEnrollmentRequest>,
    ) -> Result<Response<ConfirmMfaEnrollmentResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = ConfirmMfaEnrollment {
                code: wire::id("code", &message.code)?,
                sign_in_token: token("sign_in_token", &message.sign_in_token)?,
                origin: origin(&request, None, &message.request_id)?,
            };
            let recovery_codes = self.0.confirm_mfa_enrollment(command).await?;
            Ok(ConfirmMfaEnrollmentResponse { recovery_codes })
        };
        respond(work().await)
    }

    async fn acknowledge_mfa_enrollment(
        &self,
        request: Request<AcknowledgeMfaEnrollmentRequest>,
    ) -> Result<Response<AcknowledgeMfaEnrollmentResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = AcknowledgeMfaEnrollment {
                sign_in_token: token("sign_in_token", &message.sign_in_token)?,
                origin: origin(&request, None, &message.request_id)?,
            };
            let opened = self.0.acknowledge_mfa_enrollment(command).await?;
            Ok(AcknowledgeMfaEnrollmentResponse {
                session: Some(session(&opened)),
                next_step: WireNextStep::Complete.into(),
            })
        };
        respond(work().await)
    }

    async fn accept_invitation(
        &self,
        request: Request<AcceptInvitationRequest>,
    ) -> Result<Response<AcceptInvitationResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let chosen = password("password", &message.password)?;
            let command = AcceptInvitation {
                invitation: token("invitation", &message.invitation)?,
                password: chosen.ok_or_else(|| Fault::field("password", "is required"))?,
                origin: origin(&request, None, "")?,
            };
            Ok(AcceptInvitationResponse { login: self.0.accept_invitation(command).await?.to_string() })
        };
        respond(work().await)
    }

    async fn assert_external_sign_in(
        &self,
        request: Request<AssertExternalSignInRequest>,
    ) -> Result<Response<AssertExternalSignInResponse>, Status> {
        let work = async || {
            let opened = self.0.assert_external_sign_in(assertion(&request)?).await?;
            Ok(AssertExternalSignInResponse { session: Some(session(&opened)) })
        };
        respond(work().await)
    }

    async fn verify_recovery_code(
        &self,
        _: Request<proto::identity::VerifyRecoveryCodeRequest>,
    ) -> Result<Response<proto::identity::VerifyRecoveryCodeResponse>, Status> {
        respond(Err(fault::Reason::MethodUnknown.into()))
    }

    async fn replace_password(
        &self,
        _: Request<proto::identity::ReplacePasswordRequest>,
    ) -> Result<Response<proto::identity::ReplacePasswordResponse>, Status> {
        respond(Err(fault::Reason::MethodUnknown.into()))
    }
}

fn start(request: Request<StartSignInRequest>) -> Outcome<StartSignIn> {
    let origin = origin(&request, request.get_ref().client.as_ref(), "")?;
    let StartSignInRequest { login, password, client: _ } = request.into_inner();
    let password = Zeroizing::new(password);
    for (field, text) in [("login", login.as_str()), ("password", password.as_str())] {
        if text.is_empty() {
            return Err(Fault::field(field, "is required"));
        }
    }
    if login.len() > LOGIN_LIMIT {
        return Err(Fault::field("login", "is too long"));
    }
    let password = Password::parse(&password)
        .ok_or_else(|| Fault::field("password", "is longer than 256 characters"))?;
    // What can be nobody's login is refused like a login that nobody has, at the same cost.
    Ok(StartSignIn { login: login.parse().ok(), password, origin })
}

fn assertion(request: &Request<AssertExternalSignInRequest>) -> Outcome<AssertExternalSignIn> {
    let message = request.get_ref();
    Ok(AssertExternalSignIn {
        subject: wire::id("subject", &message.subject)?,
        methods: ExternalMethods::parse(&message.amr)
            .map_err(|invalid| Fault::field("amr", invalid.to_string()))?,
        auth_time: message.auth_time.as_ref().map(|at| wire::timestamp("auth_time", at)).transpose()?,
        origin: origin(request, message.client.as_ref(), "")?,
    })
}

fn started(started: StartedSignIn) -> StartSignInResponse {
    match started {
        StartedSignIn::Complete { session: opened, mfa_required_from } => StartSignInResponse {
            next_step: WireNextStep::Complete.into(),
            session: Some(session(&opened)),
            mfa_required_from: mfa_required_from.map(timestamp_to_wire),
            ..StartSignInResponse::default()
        },
        StartedSignIn::Next { token, expire_time, step, mfa_required_from } => {
            let next_step = match step {
                NextStep::VerifyMfa => WireNextStep::VerifyMfa,
                NextStep::EnrollMfa => WireNextStep::EnrollMfa,
            };
            StartSignInResponse {
                sign_in_token: token.expose().to_owned(),
                expire_time: Some(timestamp_to_wire(expire_time)),
                next_step: next_step.into(),
                session: None,
                mfa_required_from: mfa_required_from.map(timestamp_to_wire),
            }
        }
    }
}

fn begun(secret: PendingSecret) -> BeginMfaEnrollmentResponse {
    let PendingSecret { otpauth_uri, secret_base32, qr_png, qr_svg, qr_text, expire_time } = secret;
    BeginMfaEnrollmentResponse {
        otpauth_uri,
        secret_base32,
        qr_png,
        qr_svg,
        qr_text,
        expire_time: Some(timestamp_to_wire(expire_time)),
    }
}
