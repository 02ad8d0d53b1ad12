//! The closed list of reasons. A new reason is added here, with its code and its sentence, or not at all.

use std::fmt;

/// The gRPC codes this product answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are gRPC's own")]
pub enum Code {
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    Unimplemented,
    Internal,
    Unavailable,
    Unauthenticated,
    Cancelled,
    OutOfRange,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $code:ident, $message:literal;)*) => {
        /// Why a call was refused or failed. The wire form goes into `ErrorInfo.reason` and never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The form on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// The one gRPC code of this reason.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)* }
            }

            /// The standard message, fit for any caller.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }

            /// The reason of a wire form, where it is one of ours.
            #[must_use]
            pub fn parse(wire: &str) -> Option<Self> {
                match wire { $($wire => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// A field is missing or malformed; `BadRequest` says which.
    InvalidArgument = "INVALID_ARGUMENT", InvalidArgument, "the request is not valid";
    /// The message could not be decoded.
    MalformedRequest = "MALFORMED_REQUEST", InvalidArgument, "the request could not be decoded";
    /// A page token or cursor is not one this log and filter gave out.
    InvalidCursor = "INVALID_CURSOR", InvalidArgument, "the cursor or page token does not belong to this request";
    /// A cursor of an earlier epoch of the log: the log was restored and re-baselined since.
    CursorOutdated = "CURSOR_OUTDATED", FailedPrecondition, "the log was re-baselined after this cursor was given out; start again";
    /// The object does not exist, or the caller may not know that it does.
    NotFound = "NOT_FOUND", NotFound, "not found";
    /// A realm is taken.
    RealmTaken = "REALM_TAKEN", AlreadyExists, "the realm belongs to an organisation already";
    /// A login is taken.
    LoginTaken = "LOGIN_TAKEN", AlreadyExists, "the login is taken";
    /// An organisation of this name exists under the same parent.
    NameTaken = "NAME_TAKEN", AlreadyExists, "the name is taken here";
    /// The realm in the login is none of the organisation's.
    RealmNotOwned = "REALM_NOT_OWNED", FailedPrecondition, "the realm does not belong to the organisation";
    /// Sign-in failed. One reason for wrong, used, expired, unknown, locked: which part was wrong is not told.
    SignInRefused = "SIGN_IN_REFUSED", Unauthenticated, "the sign-in was refused";
    /// The access token is missing, malformed, expired, or its session has ended.
    TokenInvalid = "TOKEN_INVALID", Unauthenticated, "a valid access token is required";
    /// The refresh token is unknown, used, expired, or its session has ended.
    RefreshRefused = "REFRESH_REFUSED", Unauthenticated, "the session cannot be refreshed; sign in again";
    /// The code was not accepted (for a signed-in user; at sign-in it is SIGN_IN_REFUSED).
    CodeRefused = "CODE_REFUSED", Unauthenticated, "the code was not accepted";
    /// The connection's certificate names no peer that may call this RPC.
    PeerNotAllowed = "PEER_NOT_ALLOWED", PermissionDenied, "this peer may not call this method";
    /// The user's role does not allow this act.
    RoleNotAllowed = "ROLE_NOT_ALLOWED", PermissionDenied, "the user's role does not allow this";
    /// Nobody does this to themselves.
    SelfAdministration = "SELF_ADMINISTRATION", PermissionDenied, "nobody may do this to themselves";
    /// The target's role is as high as the actor's or higher.
    TargetOutranksActor = "TARGET_OUTRANKS_ACTOR", PermissionDenied, "the target's role is not below the caller's";
    /// The session has no MFA, or its MFA is not fresh: step up.
    MfaStepUpRequired = "MFA_STEP_UP_REQUIRED", PermissionDenied, "a fresh second factor is required; call StepUp";
    /// A level above enforces MFA.
    MfaEnforcedByParent = "MFA_ENFORCED_BY_PARENT", FailedPrecondition, "MFA is enforced by a level above";
    /// MFA is enforced for this user, so the factor cannot be removed by them.
    MfaEnforced = "MFA_ENFORCED", FailedPrecondition, "MFA is enforced for this user";
    /// Re-enabling needs a disable before it.
    MfaNotDisabled = "MFA_NOT_DISABLED", FailedPrecondition, "MFA was not disabled for this target";
    /// MFA already is in the state asked for.
    MfaStateUnchanged = "MFA_STATE_UNCHANGED", FailedPrecondition, "MFA is in this state already";
    /// Factor or policy changed since the sign-in or session began (between services; callers see SIGN_IN_REFUSED).
    GenerationOutdated = "GENERATION_OUTDATED", FailedPrecondition, "factor or policy changed in the meantime";
    /// Only local users are covered.
    UserNotLocal = "USER_NOT_LOCAL", FailedPrecondition, "only local users are covered by MFA";
    /// The user has a factor already; to replace it a fresh code of the old one is needed.
    FactorExists = "FACTOR_EXISTS", FailedPrecondition, "a factor is configured already";
    /// The user has no factor.
    FactorMissing = "FACTOR_MISSING", FailedPrecondition, "no factor is configured";
    /// No enrolment is under way, or it expired or was destroyed by wrong codes: begin again.
    EnrollmentNotFound = "ENROLLMENT_NOT_FOUND", FailedPrecondition, "no enrolment is under way; begin again";
    /// The enrolment's code was not confirmed yet.
    EnrollmentNotConfirmed = "ENROLLMENT_NOT_CONFIRMED", FailedPrecondition, "confirm the enrolment with a code first";
    /// This user enrols only with a ticket.
    EnrollmentTicketRequired = "ENROLLMENT_TICKET_REQUIRED", FailedPrecondition, "an enrolment ticket is required";
    /// The ticket is unknown, expired, spent, or not this user's.
    EnrollmentTicketRefused = "ENROLLMENT_TICKET_REFUSED", FailedPrecondition, "the enrolment ticket was not accepted";
    /// The organisation is suspended or deleted.
    OrganizationNotActive = "ORGANIZATION_NOT_ACTIVE", FailedPrecondition, "the organisation is not active";
    /// A reseller that still has companies is not deleted.
    OrganizationNotEmpty = "ORGANIZATION_NOT_EMPTY", FailedPrecondition, "the organisation still has others below it";
    /// The provider would be left without an administrator.
    LastAdministrator = "LAST_ADMINISTRATOR", FailedPrecondition, "the provider needs at least one active administrator";
    /// An invitation is for users without a password.
    PasswordExists = "PASSWORD_EXISTS", FailedPrecondition, "the user has a password already";
    /// The invitation is unknown, used or expired: not told which.
    InvitationRefused = "INVITATION_REFUSED", Unauthenticated, "the invitation was not accepted";
    /// The subject at the identity provider belongs to another user.
    ExternalSubjectTaken = "EXTERNAL_SUBJECT_TAKEN", AlreadyExists, "the external subject belongs to another user";
    /// The server's clock is not known to be right (R8).
    ClockNotTrusted = "CLOCK_NOT_TRUSTED", Unavailable, "policy cannot be changed while the server's clock is not known to be right";
    /// The user is disabled or deleted.
    UserNotActive = "USER_NOT_ACTIVE", FailedPrecondition, "the user is not active";
    /// The password does not meet the rules.
    PasswordNotAcceptable = "PASSWORD_NOT_ACCEPTABLE", InvalidArgument, "the password is not acceptable";
    /// The system has its provider and first administrator already.
    AlreadyBootstrapped = "ALREADY_BOOTSTRAPPED", FailedPrecondition, "the system is set up already";
    /// The object changed since its etag was read.
    EtagMismatch = "ETAG_MISMATCH", Aborted, "the object has changed; read it again";
    /// The same request id came with other content.
    RequestIdReused = "REQUEST_ID_REUSED", InvalidArgument, "the request_id was used for a different request";
    /// Too many failures of this login or from this address: `RetryInfo` says when to try again. Nothing was looked at.
    SignInDelayed = "SIGN_IN_DELAYED", ResourceExhausted, "too many failed sign-ins; try again later";
    /// Another administrator of the provider can reset this one.
    BreakGlassNotNeeded = "BREAK_GLASS_NOT_NEEDED", FailedPrecondition, "another administrator of the provider can reset this user";
    /// Too much at once.
    Overloaded = "OVERLOADED", ResourceExhausted, "too many requests at this moment";
    /// A message or header is too large.
    TooLarge = "TOO_LARGE", ResourceExhausted, "the message is too large";
    /// A dependency does not answer. Nothing was decided in the caller's favour.
    DependencyUnavailable = "DEPENDENCY_UNAVAILABLE", Unavailable, "a service this call depends on is not available";
    /// The change stands, but not every service has applied it yet; retry with the same request_id.
    NotYetInForce = "NOT_YET_IN_FORCE", Unavailable, "the change is recorded but not yet in force everywhere; retry with the same request_id";
    /// The server is not ready or is shutting down.
    NotReady = "NOT_READY", Unavailable, "the service is not ready";
    /// The deadline passed.
    DeadlineExceeded = "DEADLINE_EXCEEDED", DeadlineExceeded, "the deadline passed";
    /// The caller went away.
    Cancelled = "CANCELLED", Cancelled, "the call was cancelled";
    /// Nothing of a stream was taken for too long: open it again, with the last cursor received.
    StreamNotRead = "STREAM_NOT_READ", Aborted, "the stream was not read for too long; go on with the last cursor";
    /// The method does not exist here.
    MethodUnknown = "METHOD_UNKNOWN", Unimplemented, "the method does not exist";
    /// A secret or record could not be opened: an alarm on our side, and a refusal.
    Corrupt = "CORRUPT", Internal, "an internal error occurred";
    /// A defect of ours.
    Internal = "INTERNAL", Internal, "an internal error occurred";
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_forms_are_distinct_and_parse_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("NO_SUCH_REASON"), None);
    }
}
