//! Requests of `SignInService` as commands. What cannot be read is an INVALID_ARGUMENT that names the field.

use fault::{Fault, Outcome};
use proto::identity::{
    AcknowledgeMfaEnrollmentRequest, AssertExternalSignInRequest, ConfirmMfaEnrollmentRequest,
    ReplacePasswordRequest, StartSignInRequest, VerifyMfaRequest, VerifyRecoveryCodeRequest,
};
use tonic::Request;
use types::{Password, RecoveryCode};
use zeroize::Zeroizing;

use super::fields::{key_of_token, origin, password, token};
use crate::domain::external::ExternalMethods;
use crate::ops::{
    AcknowledgeMfaEnrollment, AssertExternalSignIn, ConfirmMfaEnrollment, Identity, ReplacePassword,
    StartSignIn, VerifyMfa, VerifyRecoveryCode,
};

/// No login is longer than this, in bytes.
const LOGIN_LIMIT: usize = 1_024;
/// The calls whose answers are kept.
const VERIFY_MFA: &str = "/countersign.identity.v1.SignInService/VerifyMfa";
const VERIFY_RECOVERY_CODE: &str = "/countersign.identity.v1.SignInService/VerifyRecoveryCode";
const CONFIRM: &str = "/countersign.identity.v1.SignInService/ConfirmMfaEnrollment";
const ACKNOWLEDGE: &str = "/countersign.identity.v1.SignInService/AcknowledgeMfaEnrollment";
const REPLACE_PASSWORD: &str = "/countersign.identity.v1.SignInService/ReplacePassword";

pub(super) fn start(request: Request<StartSignInRequest>) -> Outcome<StartSignIn> {
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

pub(super) fn assertion(request: &Request<AssertExternalSignInRequest>) -> Outcome<AssertExternalSignIn> {
    let message = request.get_ref();
    Ok(AssertExternalSignIn {
        realm: wire::id("realm", &message.realm)?,
        subject: wire::id("subject", &message.subject)?,
        methods: ExternalMethods::parse(&message.amr)
            .map_err(|invalid| Fault::field("amr", invalid.to_string()))?,
        auth_time: message.auth_time.as_ref().map(|at| wire::timestamp("auth_time", at)).transpose()?,
        origin: origin(request, message.client.as_ref(), "")?,
    })
}

// The code first in each: what is no code is told before anything is looked up.

pub(super) fn verify_mfa(identity: &Identity, request: &Request<VerifyMfaRequest>) -> Outcome<VerifyMfa> {
    let message = request.get_ref();
    let code = wire::id("code", &message.code)?;
    let sign_in_token = token("sign_in_token", &message.sign_in_token)?;
    let origin = origin(request, None, &message.request_id)?;
    let key =
        key_of_token(&identity.keyring, VERIFY_MFA, sign_in_token.as_ref(), origin.request_id, message)?;
    Ok(VerifyMfa { sign_in_token, code, key, origin })
}

pub(super) fn verify_recovery_code(
    identity: &Identity,
    request: &Request<VerifyRecoveryCodeRequest>,
) -> Outcome<VerifyRecoveryCode> {
    let message = request.get_ref();
    let recovery_code: RecoveryCode = wire::id("recovery_code", &message.recovery_code)?;
    let sign_in_token = token("sign_in_token", &message.sign_in_token)?;
    let origin = origin(request, None, &message.request_id)?;
    // However it was typed.
    let content = VerifyRecoveryCodeRequest {
        recovery_code: recovery_code.expose().to_owned(),
        ..VerifyRecoveryCodeRequest::default()
    };
    let key = key_of_token(
        &identity.keyring,
        VERIFY_RECOVERY_CODE,
        sign_in_token.as_ref(),
        origin.request_id,
        &content,
    )?;
    Ok(VerifyRecoveryCode { sign_in_token, recovery_code, key, origin })
}

pub(super) fn confirm(
    identity: &Identity,
    request: &Request<ConfirmMfaEnrollmentRequest>,
) -> Outcome<ConfirmMfaEnrollment> {
    let message = request.get_ref();
    let code = wire::id("code", &message.code)?;
    let sign_in_token = token("sign_in_token", &message.sign_in_token)?;
    let origin = origin(request, None, &message.request_id)?;
    let key = key_of_token(&identity.keyring, CONFIRM, sign_in_token.as_ref(), origin.request_id, message)?;
    Ok(ConfirmMfaEnrollment { sign_in_token, code, key, origin })
}

pub(super) fn acknowledge(
    identity: &Identity,
    request: &Request<AcknowledgeMfaEnrollmentRequest>,
) -> Outcome<AcknowledgeMfaEnrollment> {
    let message = request.get_ref();
    let sign_in_token = token("sign_in_token", &message.sign_in_token)?;
    let origin = origin(request, None, &message.request_id)?;
    let key =
        key_of_token(&identity.keyring, ACKNOWLEDGE, sign_in_token.as_ref(), origin.request_id, message)?;
    Ok(AcknowledgeMfaEnrollment { sign_in_token, key, origin })
}

pub(super) fn replace_password(
    identity: &Identity,
    request: &Request<ReplacePasswordRequest>,
) -> Outcome<ReplacePassword> {
    let message = request.get_ref();
    let sign_in_token = token("sign_in_token", &message.sign_in_token)?;
    let new = password("new_password", &message.new_password)?;
    let new = new.ok_or_else(|| Fault::field("new_password", "is required"))?;
    let origin = origin(request, None, &message.request_id)?;
    let key = key_of_token(
        &identity.keyring,
        REPLACE_PASSWORD,
        sign_in_token.as_ref(),
        origin.request_id,
        message,
    )?;
    Ok(ReplacePassword { sign_in_token, new, key, origin })
}
