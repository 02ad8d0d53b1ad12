//! Answers as messages.

use proto::mfa;
use proto::mfa::target::Target as Wire;
use types::RecoveryCode;
use wire::{role_to_wire, timestamp_to_wire};

use crate::domain::{EffectiveState, Level, Own, PolicyLevel, ProviderScope, Shown, Target};
use crate::ops::{Configuration, Demand, Evaluation, Explained, ListedFactor};

pub(super) fn enforcement(explained: &Explained) -> mfa::Enforcement {
    let effective = &explained.effective;
    let refusal = explained.can_disable.as_ref().err();
    mfa::Enforcement {
        target: Some(target(explained.target)),
        own_state: own(explained.policy.own().own()).into(),
        effective_state: state(effective.state).into(),
        configuration: configuration(explained.configuration).into(),
        levels: explained.policy.levels().map(level).collect(),
        deciding_level: policy_level(effective.deciding).into(),
        can_disable: refusal.is_none(),
        cannot_disable_reason: refusal.map(|fault| fault.reason().as_str().to_owned()).unwrap_or_default(),
        cannot_disable_message: refusal.map(|fault| fault.message().to_owned()).unwrap_or_default(),
        exempt: explained.exempt,
        etag: explained.etag.clone(),
    }
}

pub(super) fn state(state: EffectiveState) -> mfa::EnforcementState {
    match state {
        EffectiveState::Disabled => mfa::EnforcementState::Disabled,
        EffectiveState::Enabled => mfa::EnforcementState::Enabled,
        EffectiveState::EnabledByInheritance => mfa::EnforcementState::EnabledByInheritance,
    }
}

pub(super) fn configuration(configuration: Option<Configuration>) -> mfa::MfaConfiguration {
    match configuration {
        None => mfa::MfaConfiguration::Unspecified,
        Some(Configuration::NotConfigured) => mfa::MfaConfiguration::NotConfigured,
        Some(Configuration::Pending) => mfa::MfaConfiguration::Pending,
        Some(Configuration::Configured) => mfa::MfaConfiguration::Configured,
    }
}

fn level(level: &Level) -> mfa::EnforcementLevel {
    let target_level = level.place.target.level();
    let shared = mfa::EnforcementLevel {
        level: policy_level(Some(target_level)).into(),
        target: Some(target(level.place.target)),
        own_state: own(level.own()).into(),
        ..Default::default()
    };
    let Some(setting) = &level.setting else { return shared };
    mfa::EnforcementLevel {
        is_set: true,
        set_by: setting
            .set_by
            .map(|by| mfa::SetBy { user_id: by.user_id.to_string(), role: role_to_wire(by.role).into() }),
        set_time: Some(timestamp_to_wire(setting.set_time)),
        reason: setting.reason.clone(),
        enforce_from: setting.enforce_from.map(timestamp_to_wire),
        require_enrollment_ticket: setting.require_ticket,
        ..shared
    }
}

pub(super) fn own(own: Own) -> mfa::EnforcementState {
    match own {
        Own::Enforced => mfa::EnforcementState::Enabled,
        Own::Unset | Own::Disabled => mfa::EnforcementState::Disabled,
    }
}

pub(super) fn target(target: Target) -> mfa::Target {
    let wire = match target {
        Target::Provider(ProviderScope::ClientsAndResellers) => {
            Wire::Provider(mfa::ProviderScope::ClientsAndResellers.into())
        }
        Target::Provider(ProviderScope::InternalUsers) => {
            Wire::Provider(mfa::ProviderScope::InternalUsers.into())
        }
        Target::Reseller(id) => Wire::ResellerId(id.to_string()),
        Target::Company(id) => Wire::CompanyId(id.to_string()),
        Target::User(id) => Wire::UserId(id.to_string()),
    };
    mfa::Target { target: Some(wire) }
}

pub(super) fn policy_level(level: Option<PolicyLevel>) -> mfa::PolicyLevel {
    match level {
        None => mfa::PolicyLevel::Unspecified,
        Some(PolicyLevel::Provider) => mfa::PolicyLevel::Provider,
        Some(PolicyLevel::Reseller) => mfa::PolicyLevel::Reseller,
        Some(PolicyLevel::Company) => mfa::PolicyLevel::Company,
        Some(PolicyLevel::User) => mfa::PolicyLevel::User,
    }
}

pub(super) fn factor(listed: &ListedFactor) -> mfa::Factor {
    let ListedFactor { factor, recovery_codes_left, locked, locked_until } = listed;
    mfa::Factor {
        id: factor.id.to_string(),
        r#type: "totp".to_owned(),
        enroll_time: Some(timestamp_to_wire(factor.enroll_time)),
        last_use_time: factor.last_use_time.map(timestamp_to_wire),
        recovery_codes_left: *recovery_codes_left,
        locked_until: locked_until.map(timestamp_to_wire),
        locked: *locked,
    }
}

/// Recovery codes as they are shown, once.
pub(super) fn recovery_codes(codes: &[RecoveryCode]) -> Vec<String> {
    codes.iter().map(|code| code.grouped().to_string()).collect()
}

pub(super) fn evaluation(evaluation: &Evaluation) -> mfa::EvaluateSignInResponse {
    let demand = match evaluation.demand {
        Demand::None => mfa::Demand::None,
        Demand::Verify => mfa::Demand::Verify,
        Demand::Enroll => mfa::Demand::Enroll,
    };
    mfa::EvaluateSignInResponse {
        demand: demand.into(),
        deciding_level: policy_level(evaluation.deciding).into(),
        generation: evaluation.generation,
        policy_version: Some(evaluation.policy_version.to_wire()),
        mfa_required_from: evaluation.required_from.map(timestamp_to_wire),
        enforced: evaluation.enforced,
    }
}

pub(super) fn begun(shown: Shown) -> mfa::BeginEnrollmentResponse {
    mfa::BeginEnrollmentResponse {
        otpauth_uri: shown.uri.to_string(),
        secret_base32: shown.secret_base32.to_string(),
        qr_png: shown.qr.png,
        qr_svg: shown.qr.svg,
        qr_text: shown.qr.text,
        expire_time: Some(timestamp_to_wire(shown.expire_time)),
    }
}

pub(super) fn begun_at_sign_in(shown: Shown) -> mfa::BeginSignInEnrollmentResponse {
    let mfa::BeginEnrollmentResponse { otpauth_uri, secret_base32, qr_png, qr_svg, qr_text, expire_time } =
        begun(shown);
    mfa::BeginSignInEnrollmentResponse { otpauth_uri, secret_base32, qr_png, qr_svg, qr_text, expire_time }
}
