//! Which calls may be made again when nobody knows what became of them.
//!
//! One table, one row for every RPC: a call that is not in it is never repeated. What has never left this process may
//! always be sent elsewhere; that is no repetition.

use Repeat::{Always, Never, Opening, WithId};

/// Whether a call whose answer was lost may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It reads, or what it does is the same the second time.
    Always,
    /// When the field of this number, the caller's id of the request or attempt, is given: then the first answer is given again.
    WithId(u32),
    /// A stream, until it has begun; whoever reads it goes on from a cursor.
    Opening,
    /// A second call would do a second thing.
    Never,
}

/// Every RPC of this product.
#[rustfmt::skip]
const TABLE: &[(&str, Repeat)] = &[
    ("/countersign.events.v1.EventLogService/ListEvents",                   Always),
    ("/countersign.events.v1.EventLogService/GetEvent",                     Always),
    ("/countersign.events.v1.EventLogService/WatchEvents",                  Opening),
    ("/countersign.events.v1.FollowService/AwaitApplied",                   Always),
    ("/countersign.identity.v1.SessionService/RefreshSession",              WithId(2)),
    ("/countersign.identity.v1.SessionService/StepUp",                      WithId(2)),
    ("/countersign.identity.v1.SessionService/GetCurrentUser",              Always),
    ("/countersign.identity.v1.SessionService/ListSessions",                Always),
    ("/countersign.identity.v1.SessionService/RevokeSession",               Always),
    ("/countersign.identity.v1.SessionService/RevokeUserSessions",          WithId(1)),
    ("/countersign.identity.v1.SessionService/IntrospectToken",             Always),
    ("/countersign.identity.v1.SessionService/GetJwks",                     Always),
    ("/countersign.identity.v1.SessionService/RotateSigningKey",            Always),
    ("/countersign.identity.v1.SignInService/StartSignIn",                  Never),
    ("/countersign.identity.v1.SignInService/VerifyMfa",                    WithId(3)),
    ("/countersign.identity.v1.SignInService/VerifyRecoveryCode",           WithId(3)),
    ("/countersign.identity.v1.SignInService/ReplacePassword",              WithId(3)),
    ("/countersign.identity.v1.SignInService/BeginMfaEnrollment",           Never),
    ("/countersign.identity.v1.SignInService/ConfirmMfaEnrollment",         WithId(3)),
    ("/countersign.identity.v1.SignInService/AcknowledgeMfaEnrollment",     WithId(2)),
    ("/countersign.identity.v1.SignInService/AcceptInvitation",             Never),
    ("/countersign.identity.v1.SignInService/AssertExternalSignIn",         Never),
    ("/countersign.identity.v1.UserService/Bootstrap",                      Never),
    ("/countersign.identity.v1.UserService/CreateUser",                     WithId(1)),
    ("/countersign.identity.v1.UserService/GetUser",                        Always),
    ("/countersign.identity.v1.UserService/ListUsers",                      Always),
    ("/countersign.identity.v1.UserService/UpdateUser",                     WithId(1)),
    ("/countersign.identity.v1.UserService/SetPassword",                    Never),
    ("/countersign.identity.v1.UserService/ChangePassword",                 WithId(3)),
    ("/countersign.identity.v1.UserService/DisableUser",                    WithId(1)),
    ("/countersign.identity.v1.UserService/EnableUser",                     WithId(1)),
    ("/countersign.identity.v1.UserService/DeleteUser",                     WithId(1)),
    ("/countersign.identity.v1.UserService/IssueInvitation",                Never),
    ("/countersign.identity.v1.UserFactsService/ResolveUser",               Always),
    ("/countersign.keys.v1.KeyService/GetKeyStatus",                        Always),
    ("/countersign.mfa.v1.EnforcementService/EnforceMfa",                   WithId(1)),
    ("/countersign.mfa.v1.EnforcementService/DisableMfa",                   WithId(1)),
    ("/countersign.mfa.v1.EnforcementService/ReenableMfa",                  WithId(1)),
    ("/countersign.mfa.v1.EnforcementService/GetEnforcement",               Always),
    ("/countersign.mfa.v1.EnforcementService/ListEnforcements",             Always),
    ("/countersign.mfa.v1.EnforcementService/PreviewEnforcement",           Always),
    ("/countersign.mfa.v1.EnforcementService/GetAdoption",                  Always),
    ("/countersign.mfa.v1.EnforcementService/IssueEnrollmentTicket",        WithId(3)),
    ("/countersign.mfa.v1.FactorService/ListFactors",                       Always),
    ("/countersign.mfa.v1.FactorService/BeginEnrollment",                   Never),
    ("/countersign.mfa.v1.FactorService/ConfirmEnrollment",                 WithId(2)),
    ("/countersign.mfa.v1.FactorService/AcknowledgeEnrollment",             Always),
    ("/countersign.mfa.v1.FactorService/RemoveFactor",                      WithId(3)),
    ("/countersign.mfa.v1.FactorService/ResetMfa",                          WithId(1)),
    ("/countersign.mfa.v1.FactorService/UnlockUser",                        WithId(1)),
    ("/countersign.mfa.v1.FactorService/RegenerateRecoveryCodes",           WithId(2)),
    ("/countersign.mfa.v1.FactorService/BreakGlassTicket",                  WithId(1)),
    ("/countersign.mfa.v1.VerificationService/EvaluateSignIn",              Always),
    ("/countersign.mfa.v1.VerificationService/VerifyCode",                  WithId(3)),
    ("/countersign.mfa.v1.VerificationService/VerifyRecoveryCode",          WithId(3)),
    ("/countersign.mfa.v1.VerificationService/BeginSignInEnrollment",       Never),
    ("/countersign.mfa.v1.VerificationService/ConfirmSignInEnrollment",     WithId(4)),
    ("/countersign.mfa.v1.VerificationService/AcknowledgeSignInEnrollment", Always),
    ("/countersign.mfa.v1.VerificationService/IssueBootstrapTicket",        Never),
    ("/countersign.tenant.v1.TenantService/Bootstrap",                      WithId(1)),
    ("/countersign.tenant.v1.TenantService/CreateReseller",                 WithId(1)),
    ("/countersign.tenant.v1.TenantService/CreateCompany",                  WithId(1)),
    ("/countersign.tenant.v1.TenantService/GetOrganization",                Always),
    ("/countersign.tenant.v1.TenantService/ListOrganizations",              Always),
    ("/countersign.tenant.v1.TenantService/UpdateOrganization",             WithId(1)),
    ("/countersign.tenant.v1.TenantService/AddRealm",                       WithId(1)),
    ("/countersign.tenant.v1.TenantService/SuspendOrganization",            WithId(1)),
    ("/countersign.tenant.v1.TenantService/ResumeOrganization",             WithId(1)),
    ("/countersign.tenant.v1.TenantService/MoveCompany",                    WithId(1)),
    ("/countersign.tenant.v1.TenantService/DeleteOrganization",             WithId(1)),
    ("/countersign.tenant.v1.OrganizationFactsService/ResolveOrganization", Always),
];

/// What is known of an RPC, by its path; nothing of one that is not ours.
pub(super) fn of(path: &str) -> Option<Repeat> {
    TABLE.iter().find(|(known, _)| *known == path).map(|(_, repeat)| *repeat)
}

impl Repeat {
    /// Whether this call, whose encoded message this is, may be repeated.
    pub(super) fn allows(self, message: &[u8]) -> bool {
        match self {
            Always | Opening => true,
            WithId(field) => names(message, field),
            Never => false,
        }
    }
}

/// Whether a gRPC frame's message has text in a field at its top level.
fn names(frame: &[u8], field: u32) -> bool {
    // Behind a flag - compressed messages cannot be read, and are not sent here - and four bytes of length.
    let Some((0, mut rest)) =
        frame.split_first().map(|(flag, rest)| (*flag, rest.get(4..).unwrap_or_default()))
    else {
        return false;
    };
    while !rest.is_empty() {
        let Some(key) = varint(&mut rest) else { return false };
        let length = match key & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            _ => None,
        };
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return false };
        if key == u64::from(field) << 3 | 2 && length > 0 {
            return true;
        }
        let Some(behind) = rest.get(length..) else { return false };
        rest = behind;
    }
    false
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
