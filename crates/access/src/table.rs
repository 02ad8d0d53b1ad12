//! The access table: one row per RPC, everything that is allowed and nothing else.
//!
//! A row says which peers may call, for which users, about whom, how fresh their second factor must be, and whether a
//! refusal leaves an event. Peer, role and freshness are held by the layers of `crates/rpc`; the relation to the target
//! ([`Reach`]: whose organisation, which rank?) is decided by the services on the target as it is now.

use types::Role::{CompanyAdmin, ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator};

use crate::MfaRule::{self, Fresh, NotNeeded};
use crate::UserRule::{self, AnyRole, Nobody, Optional, Roles};
use crate::reach::relations::{
    ADMINISTERED, BRANCH, BRANCH_IN_LOG, CREATED, DELETED, MFA_TARGET, MFA_USER, MOVED, NOTHING, OWN,
    REALM_HOLDER, RESELLER_IN_BRANCH, SEEN_TARGET, SEEN_USER, SELF_OR_ADMINISTERED, STAFF_ROLES, SUSPENDED,
};
use crate::{ANY_PEER, Peer, Reach, Rule};

const TENANT: &str = Peer::TENANT;
const IDENTITY: &str = Peer::IDENTITY;
const MFA: &str = Peer::MFA;
const CONSOLE: &str = Peer::CONSOLE;
const OPERATOR: &str = Peer::OPERATOR;

/// The three services, which call each other.
pub(crate) const SERVICES: &[&str] = &[TENANT, IDENTITY, MFA];
/// The peers that act for users.
const FOR_USERS: &[&str] = &[CONSOLE, OPERATOR];
/// Both.
const LOG_READERS: &[&str] = &[CONSOLE, OPERATOR, TENANT, IDENTITY, MFA];

const PROVIDER_ADMIN: UserRule = Roles(&[ProviderAdmin]);
const PROVIDER_AND_RESELLER: UserRule =
    Roles(&[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator]);
/// Provider administrators and operators, and administrators of resellers.
const SUSPENDERS: UserRule = Roles(&[ProviderAdmin, ProviderOperator, ResellerAdmin]);
/// Administrators of the provider and of resellers.
const ADMINISTRATORS_ABOVE: UserRule = Roles(&[ProviderAdmin, ResellerAdmin]);
const ADMINISTER_USERS: UserRule =
    Roles(&[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator, CompanyAdmin]);
/// Everybody but company users.
const STAFF: UserRule = Roles(STAFF_ROLES);
/// Staff, or a service that follows the log for itself.
const STAFF_OR_SERVICE: UserRule = Optional(STAFF_ROLES);

const RECORDED: bool = true;
const UNRECORDED: bool = false;

/// Every RPC of this product.
#[rustfmt::skip]
pub const TABLE: &[Rule] = &[
    // method                                                                   peers                 user                   relation              second factor  refusals
    row("/countersign.tenant.v1.TenantService/Bootstrap",                       &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.tenant.v1.TenantService/CreateReseller",                  FOR_USERS,            PROVIDER_ADMIN,        NOTHING,              Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/CreateCompany",                   FOR_USERS,            PROVIDER_AND_RESELLER, RESELLER_IN_BRANCH,   Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/GetOrganization",                 FOR_USERS,            AnyRole,               BRANCH,               NotNeeded,     RECORDED),
    row("/countersign.tenant.v1.TenantService/ListOrganizations",               FOR_USERS,            AnyRole,               BRANCH,               NotNeeded,     RECORDED),
    row("/countersign.tenant.v1.TenantService/UpdateOrganization",              FOR_USERS,            PROVIDER_AND_RESELLER, BRANCH,               Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/AddRealm",                        FOR_USERS,            PROVIDER_AND_RESELLER, REALM_HOLDER,         Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/SuspendOrganization",             FOR_USERS,            SUSPENDERS,            SUSPENDED,            Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/ResumeOrganization",              FOR_USERS,            SUSPENDERS,            SUSPENDED,            Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/MoveCompany",                     FOR_USERS,            PROVIDER_ADMIN,        MOVED,                Fresh,         RECORDED),
    row("/countersign.tenant.v1.TenantService/DeleteOrganization",              FOR_USERS,            ADMINISTRATORS_ABOVE,  DELETED,              Fresh,         RECORDED),
    row("/countersign.tenant.v1.OrganizationFactsService/ResolveOrganization",  &[IDENTITY, MFA],     Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    row("/countersign.identity.v1.UserService/Bootstrap",                       &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.UserService/CreateUser",                      FOR_USERS,            ADMINISTER_USERS,      CREATED,              Fresh,         RECORDED),
    row("/countersign.identity.v1.UserService/GetUser",                         FOR_USERS,            AnyRole,               SEEN_USER,            NotNeeded,     RECORDED),
    row("/countersign.identity.v1.UserService/ListUsers",                       FOR_USERS,            STAFF,                 BRANCH,               NotNeeded,     RECORDED),
    row("/countersign.identity.v1.UserService/UpdateUser",                      FOR_USERS,            AnyRole,               SELF_OR_ADMINISTERED, NotNeeded,     RECORDED),
    row("/countersign.identity.v1.UserService/SetPassword",                     FOR_USERS,            ADMINISTER_USERS,      ADMINISTERED,         Fresh,         RECORDED),
    row("/countersign.identity.v1.UserService/ChangePassword",                  FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.identity.v1.UserService/DisableUser",                     FOR_USERS,            ADMINISTER_USERS,      ADMINISTERED,         Fresh,         RECORDED),
    row("/countersign.identity.v1.UserService/EnableUser",                      FOR_USERS,            ADMINISTER_USERS,      ADMINISTERED,         Fresh,         RECORDED),
    row("/countersign.identity.v1.UserService/DeleteUser",                      FOR_USERS,            ADMINISTER_USERS,      ADMINISTERED,         Fresh,         RECORDED),
    row("/countersign.identity.v1.UserService/IssueInvitation",                 FOR_USERS,            ADMINISTER_USERS,      ADMINISTERED,         Fresh,         RECORDED),
    row("/countersign.identity.v1.UserFactsService/ResolveUser",                &[TENANT, MFA],       Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    // Whoever signs in is not signed in yet; these record their own refusals.
    row("/countersign.identity.v1.SignInService/StartSignIn",                   FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/VerifyMfa",                     FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/BeginMfaEnrollment",            FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/ConfirmMfaEnrollment",          FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/AcknowledgeMfaEnrollment",      FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/VerifyRecoveryCode",            FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/ReplacePassword",               FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SignInService/AcceptInvitation",              FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    // Which peers are identity brokers is configuration; identity refuses all others.
    row("/countersign.identity.v1.SignInService/AssertExternalSignIn",          ANY_PEER,             Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    row("/countersign.identity.v1.SessionService/RefreshSession",               FOR_USERS,            Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SessionService/StepUp",                       FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.identity.v1.SessionService/GetCurrentUser",               FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SessionService/ListSessions",                 FOR_USERS,            AnyRole,               SEEN_USER,            NotNeeded,     RECORDED),
    // Fresh MFA is demanded where it is another user's sessions.
    row("/countersign.identity.v1.SessionService/RevokeUserSessions",           FOR_USERS,            AnyRole,               SELF_OR_ADMINISTERED, NotNeeded,     RECORDED),
    row("/countersign.identity.v1.SessionService/RevokeSession",                FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.identity.v1.SessionService/IntrospectToken",              &[TENANT, MFA, CONSOLE, OPERATOR], Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SessionService/GetJwks",                      ANY_PEER,             Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.identity.v1.SessionService/RotateSigningKey",             &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    // Which roles may act on which level is decided on the target.
    row("/countersign.mfa.v1.EnforcementService/EnforceMfa",                    FOR_USERS,            ADMINISTER_USERS,      MFA_TARGET,           Fresh,         RECORDED),
    row("/countersign.mfa.v1.EnforcementService/DisableMfa",                    FOR_USERS,            ADMINISTER_USERS,      MFA_TARGET,           Fresh,         RECORDED),
    row("/countersign.mfa.v1.EnforcementService/ReenableMfa",                   FOR_USERS,            ADMINISTER_USERS,      MFA_TARGET,           Fresh,         RECORDED),
    row("/countersign.mfa.v1.EnforcementService/GetEnforcement",                FOR_USERS,            AnyRole,               SEEN_TARGET,          NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.EnforcementService/ListEnforcements",              FOR_USERS,            STAFF,                 BRANCH,               NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.EnforcementService/PreviewEnforcement",            FOR_USERS,            ADMINISTER_USERS,      MFA_TARGET,           NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.EnforcementService/GetAdoption",                   FOR_USERS,            STAFF,                 BRANCH,               NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.EnforcementService/IssueEnrollmentTicket",         FOR_USERS,            ADMINISTER_USERS,      MFA_USER,             Fresh,         RECORDED),

    row("/countersign.mfa.v1.FactorService/ListFactors",                        FOR_USERS,            AnyRole,               SEEN_USER,            NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/BeginEnrollment",                    FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/ConfirmEnrollment",                  FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/AcknowledgeEnrollment",              FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/RemoveFactor",                       FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/ResetMfa",                           FOR_USERS,            ADMINISTER_USERS,      MFA_USER,             Fresh,         RECORDED),

    row("/countersign.mfa.v1.FactorService/UnlockUser",                         FOR_USERS,            ADMINISTER_USERS,      MFA_USER,             Fresh,         RECORDED),
    row("/countersign.mfa.v1.FactorService/RegenerateRecoveryCodes",            FOR_USERS,            AnyRole,               OWN,                  NotNeeded,     RECORDED),
    row("/countersign.mfa.v1.FactorService/BreakGlassTicket",                   &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    row("/countersign.mfa.v1.VerificationService/EvaluateSignIn",               &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/VerifyCode",                   &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/VerifyRecoveryCode",           &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/BeginSignInEnrollment",        &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/ConfirmSignInEnrollment",      &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/AcknowledgeSignInEnrollment",  &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.mfa.v1.VerificationService/IssueBootstrapTicket",         &[IDENTITY],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    // Served by every service for its own log.
    row("/countersign.events.v1.EventLogService/ListEvents",                    LOG_READERS,          STAFF_OR_SERVICE,      BRANCH_IN_LOG,        NotNeeded,     RECORDED),
    row("/countersign.events.v1.EventLogService/GetEvent",                      LOG_READERS,          STAFF_OR_SERVICE,      BRANCH_IN_LOG,        NotNeeded,     RECORDED),
    row("/countersign.events.v1.EventLogService/WatchEvents",                   LOG_READERS,          STAFF_OR_SERVICE,      BRANCH_IN_LOG,        NotNeeded,     RECORDED),
    row("/countersign.keys.v1.KeyService/GetKeyStatus",                         &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/countersign.events.v1.FollowService/AwaitApplied",                    SERVICES,             Nobody,                NOTHING,              NotNeeded,     UNRECORDED),

    row("/grpc.health.v1.Health/Check",                                         ANY_PEER,             Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/grpc.health.v1.Health/Watch",                                         ANY_PEER,             Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    // Every peer when the installation says `reflection = on`; not served at all when it says `off`.
    row("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",            &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
    row("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",       &[OPERATOR],          Nobody,                NOTHING,              NotNeeded,     UNRECORDED),
];

const fn row(
    method: &'static str,
    peers: &'static [&'static str],
    user: UserRule,
    reach: &'static Reach,
    mfa: MfaRule,
    records_refusals: bool,
) -> Rule {
    Rule { method, peers, user, reach, mfa, records_refusals }
}

#[cfg(test)]
mod tests;
