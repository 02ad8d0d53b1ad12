//! A valid request for every RPC that is called for a user: one line an RPC. A row of the access table without one fails the
//! tests, and so does an id in a request that no line names.

use access::TargetKind;
use prost::Message;
use proto::mfa::ProviderScope;
use proto::mfa::target::Target as WireTarget;
use proto::{events, identity, mfa, tenant};

use crate::landscape::{Actor, Landscape, wire};
use crate::model::Target;
use crate::place::Place;

/// How to call one RPC.
pub struct Template {
    /// The RPC.
    pub method: &'static str,
    /// What it is about.
    pub about: About,
    /// What a call that is let through does.
    pub effect: Effect,
    /// The refusals by state, as documented, that also show that access let the call through.
    pub states: &'static [&'static str],
    /// The request.
    pub message: fn(&Ask<'_>) -> Vec<u8>,
}

/// What a call is about, and in which field of the request it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nobody else and nothing.
    Nothing,
    /// The bearer, who is not named.
    Oneself,
    /// An organisation.
    Organization(&'static str),
    /// A user.
    User(&'static str),
    /// The organisation of a user to be.
    NewUser(&'static str),
    /// A target of policy, in the field of its kind.
    Policy,
    /// A session.
    Session(&'static str),
    /// An event.
    Event(&'static str),
}

/// What a call that is let through does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing that others of these calls would notice.
    Harmless,
    /// It changes its target for good: each call gets a target of its own.
    Spends,
    /// It ends sessions of the caller: last of all, in this order.
    Ends(u8),
}

/// One call to be made.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Where.
    pub landscape: &'a Landscape,
    /// By whom.
    pub actor: &'a Actor,
    /// About what.
    pub target: Option<&'a Target>,
    /// Different for every call.
    pub number: usize,
}

impl Ask<'_> {
    fn id(&self) -> String {
        self.target.map(|target| target.id.clone()).unwrap_or_default()
    }

    /// A name, or a realm's first label, that nobody has.
    fn name(&self) -> String {
        format!("made-{}", self.number)
    }

    /// The realm of the target's logins.
    fn realm(&self) -> &'static str {
        self.target.and_then(|target| target.place).unwrap_or(Place::Company).realm()
    }

    fn is_caller(&self) -> bool {
        self.target.is_some_and(|target| target.is_caller)
    }

    /// Another reseller than the one above the target.
    fn destination(&self) -> String {
        let there = self.target.is_some_and(|target| target.place == Some(Place::OtherCompany));
        self.landscape.id(if there { Place::Reseller } else { Place::OtherReseller }).to_owned()
    }

    fn policy(&self) -> Option<mfa::Target> {
        let target = self.target?;
        let target = match target.kind {
            TargetKind::Switch => WireTarget::Provider(
                ProviderScope::from_str_name(&target.id).expect("one of the switches").into(),
            ),
            TargetKind::Provider | TargetKind::Reseller => WireTarget::ResellerId(target.id.clone()),
            TargetKind::Company => WireTarget::CompanyId(target.id.clone()),
            _ => WireTarget::UserId(target.id.clone()),
        };
        Some(mfa::Target { target: Some(target) })
    }

    fn role_of_target(&self) -> i32 {
        self.target.and_then(|target| target.role).map_or(0, |role| wire(role).into())
    }
}

/// What a call of theirs about themselves is told for wrong codes and for want of a factor.
const OWN_FACTOR: &[&str] = &["CODE_REFUSED", "FACTOR_MISSING"];
const WRONG_CODE: &str = "000000";
const REASON: &str = "the matrix";

use About::{Event, NewUser, Nothing, Oneself, Organization, Policy, Session, User};
use Effect::{Ends, Harmless, Spends};

macro_rules! templates {
    ($($package:ident $service:ident { $($method:literal, $about:expr, $effect:expr, $states:expr, |$ask:ident| $message:expr;)* })*) => {
        /// Every template.
        #[must_use]
        pub fn templates() -> Vec<Template> {
            vec![$($(Template {
                method: concat!("/countersign.", stringify!($package), ".v1.", stringify!($service), "/", $method),
                about: $about,
                effect: $effect,
                states: $states,
                message: |$ask| $message.encode_to_vec(),
            },)*)*]
        }
    };
}

#[rustfmt::skip]
templates! {
    tenant TenantService {
        "CreateReseller", Nothing, Harmless, &[], |ask| tenant::CreateResellerRequest { name: ask.name(), ..Default::default() };
        "CreateCompany", Organization("reseller_id"), Harmless, &[], |ask| tenant::CreateCompanyRequest { reseller_id: ask.id(), name: ask.name(), ..Default::default() };
        "GetOrganization", Organization("organization_id"), Harmless, &[], |ask| tenant::GetOrganizationRequest { organization_id: ask.id() };
        "ListOrganizations", Organization("parent_id"), Harmless, &[], |ask| tenant::ListOrganizationsRequest { parent_id: ask.id(), ..Default::default() };
        "UpdateOrganization", Organization("organization_id"), Harmless, &[], |ask| tenant::UpdateOrganizationRequest { organization_id: ask.id(), name: ask.name(), update_mask: mask("name"), ..Default::default() };
        "AddRealm", Organization("organization_id"), Harmless, &[], |ask| tenant::AddRealmRequest { organization_id: ask.id(), realm: format!("{}.example", ask.name()), ..Default::default() };
        "SuspendOrganization", Organization("organization_id"), Spends, &[], |ask| tenant::SuspendOrganizationRequest { organization_id: ask.id(), ..Default::default() };
        "ResumeOrganization", Organization("organization_id"), Spends, &[], |ask| tenant::ResumeOrganizationRequest { organization_id: ask.id(), ..Default::default() };
        "MoveCompany", Organization("company_id"), Spends, &[], |ask| tenant::MoveCompanyRequest { company_id: ask.id(), reseller_id: ask.destination(), ..Default::default() };
        "DeleteOrganization", Organization("organization_id"), Spends, &[], |ask| tenant::DeleteOrganizationRequest { organization_id: ask.id(), ..Default::default() };
    }
    identity UserService {
        "CreateUser", NewUser("organization_id"), Harmless, &[], |ask| identity::CreateUserRequest { organization_id: ask.id(), login: format!("{}@{}", ask.name(), ask.realm()), role: ask.role_of_target(), invite: true, ..Default::default() };
        "GetUser", User("user_id"), Harmless, &[], |ask| identity::GetUserRequest { user_id: ask.id() };
        "ListUsers", Organization("organization_id"), Harmless, &[], |ask| identity::ListUsersRequest { organization_id: ask.id(), ..Default::default() };
        "UpdateUser", User("user_id"), Harmless, &[], |ask| identity::UpdateUserRequest { user_id: ask.id(), display_name: ask.name(), update_mask: mask("display_name"), ..Default::default() };
        "SetPassword", User("user_id"), Harmless, &[], |ask| identity::SetPasswordRequest { user_id: ask.id(), password: testkit::PASSWORD.to_owned() };
        "ChangePassword", Oneself, Harmless, &["CODE_REFUSED"], |_ask| identity::ChangePasswordRequest { current_password: "not the present one".to_owned(), new_password: testkit::PASSWORD.to_owned(), ..Default::default() };
        "DisableUser", User("user_id"), Harmless, &[], |ask| identity::DisableUserRequest { user_id: ask.id(), ..Default::default() };
        "EnableUser", User("user_id"), Harmless, &[], |ask| identity::EnableUserRequest { user_id: ask.id(), ..Default::default() };
        "DeleteUser", User("user_id"), Spends, &[], |ask| identity::DeleteUserRequest { user_id: ask.id(), ..Default::default() };
        "IssueInvitation", User("user_id"), Harmless, &["PASSWORD_EXISTS"], |ask| identity::IssueInvitationRequest { user_id: ask.id() };
    }
    identity SessionService {
        "StepUp", Oneself, Harmless, OWN_FACTOR, |_ask| identity::StepUpRequest { code: WRONG_CODE.to_owned(), ..Default::default() };
        "GetCurrentUser", Oneself, Harmless, &[], |_ask| identity::GetCurrentUserRequest {};
        "ListSessions", User("user_id"), Harmless, &[], |ask| identity::ListSessionsRequest { user_id: ask.id(), ..Default::default() };
        "RevokeUserSessions", User("user_id"), Ends(0), &[], |ask| identity::RevokeUserSessionsRequest { user_id: if ask.is_caller() { String::new() } else { ask.id() }, reason: REASON.to_owned(), ..Default::default() };
        "RevokeSession", Session("session_id"), Ends(1), &[], |ask| identity::RevokeSessionRequest { session_id: ask.id() };
    }
    mfa EnforcementService {
        "EnforceMfa", Policy, Spends, &[], |ask| mfa::EnforceMfaRequest { target: ask.policy(), ..Default::default() };
        "DisableMfa", Policy, Spends, &[], |ask| mfa::DisableMfaRequest { target: ask.policy(), reason: REASON.to_owned(), ..Default::default() };
        "ReenableMfa", Policy, Spends, &["MFA_NOT_DISABLED"], |ask| mfa::ReenableMfaRequest { target: ask.policy(), ..Default::default() };
        "GetEnforcement", Policy, Harmless, &[], |ask| mfa::GetEnforcementRequest { target: ask.policy() };
        "ListEnforcements", Organization("organization_id"), Harmless, &[], |ask| mfa::ListEnforcementsRequest { organization_id: ask.id(), kind: mfa::EnforcementKind::User.into(), ..Default::default() };
        "PreviewEnforcement", Policy, Harmless, &[], |ask| mfa::PreviewEnforcementRequest { target: ask.policy(), ..Default::default() };
        "GetAdoption", Organization("organization_id"), Harmless, &[], |ask| mfa::GetAdoptionRequest { organization_id: ask.id() };
        "IssueEnrollmentTicket", User("user_id"), Harmless, &[], |ask| mfa::IssueEnrollmentTicketRequest { user_id: ask.id(), ..Default::default() };
    }
    mfa FactorService {
        "ListFactors", User("user_id"), Harmless, &[], |ask| mfa::ListFactorsRequest { user_id: ask.id() };
        "BeginEnrollment", Oneself, Harmless, &["FACTOR_EXISTS"], |_ask| mfa::BeginEnrollmentRequest::default();
        "ConfirmEnrollment", Oneself, Harmless, &["CODE_REFUSED", "ENROLLMENT_NOT_FOUND"], |_ask| mfa::ConfirmEnrollmentRequest { code: WRONG_CODE.to_owned(), ..Default::default() };
        "AcknowledgeEnrollment", Oneself, Harmless, &["ENROLLMENT_NOT_FOUND", "ENROLLMENT_NOT_CONFIRMED"], |_ask| mfa::AcknowledgeEnrollmentRequest::default();
        "RemoveFactor", Oneself, Harmless, &["MFA_ENFORCED", "FACTOR_MISSING"], |ask| mfa::RemoveFactorRequest { factor_id: ask.actor.factor_id.clone().unwrap_or_else(|| ask.actor.user_id.clone()), code: WRONG_CODE.to_owned(), ..Default::default() };
        "ResetMfa", User("user_id"), Harmless, &[], |ask| mfa::ResetMfaRequest { user_id: ask.id(), reason: REASON.to_owned(), ..Default::default() };
        "UnlockUser", User("user_id"), Harmless, &[], |ask| mfa::UnlockUserRequest { user_id: ask.id(), reason: REASON.to_owned(), ..Default::default() };
        "RegenerateRecoveryCodes", Oneself, Harmless, OWN_FACTOR, |_ask| mfa::RegenerateRecoveryCodesRequest { code: WRONG_CODE.to_owned(), ..Default::default() };
    }
    events EventLogService {
        "ListEvents", Organization("organization_id"), Harmless, &[], |ask| events::ListEventsRequest { organization_id: ask.id(), page_size: 1, ..Default::default() };
        "GetEvent", Event("event_id"), Harmless, &[], |ask| events::GetEventRequest { event_id: ask.id() };
        "WatchEvents", Organization("filter.organization_id"), Harmless, &[], |ask| events::WatchEventsRequest { filter: Some(events::EventFilter { organization_id: ask.id(), ..Default::default() }), ..Default::default() };
    }
}

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.to_owned()] })
}
