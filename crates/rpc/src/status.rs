//! Faults on the wire: `google.rpc.Status` with `ErrorInfo` always, and back.

use std::collections::HashMap;

use fault::{Code, Fault, Outcome, Reason};
use tonic::{Response, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt as _};

/// The `ErrorInfo.domain` of our reasons.
pub const ERROR_DOMAIN: &str = "countersign";

/// Metadata keys that keep their meaning when a service passes a peer's refusal on.
const PASSED_ON: &[&str] =
    &["deciding_level", "enforced_by", "level", "locked_until", "target", "expected", "state", "limit"];

/// Says that a refusal was counted by the service that gave it and left no event. Services tell each other, and nobody else:
/// to an outside caller it would tell a lock from a wrong code.
const COUNTED: &str = "counted";

/// Metadata that services tell each other and no one else.
const BETWEEN_SERVICES: &[&str] = &[COUNTED];

/// A handler's answer.
///
/// # Errors
/// The fault's status, as [`into_status`].
pub fn respond<T>(outcome: Outcome<T>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(into_status)
}

/// A handler's answer to another service of ours, with what services tell each other and no one else. Only for methods that
/// the access table opens to services alone.
///
/// # Errors
/// The fault's status.
pub fn respond_to_service<T>(outcome: Outcome<T>) -> Result<Response<T>, Status> {
    outcome.map(Response::new).map_err(|fault| status_of(fault, true))
}

/// Marks a refusal as only counted: the service that gives it has recorded no event, and whoever is told so need not either.
#[must_use]
pub fn only_counted(fault: Fault) -> Fault {
    fault.with_metadata(COUNTED, "lock")
}

/// Whether a refusal, of one's own or of another service, was only counted.
#[must_use]
pub fn is_only_counted(fault: &Fault) -> bool {
    fault.metadata().iter().any(|(key, _)| *key == COUNTED)
}

/// The status of a fault. Its private cause is logged here, once, and goes no further; nor does what only services tell each
/// other.
#[must_use]
pub fn into_status(fault: Fault) -> Status {
    status_of(fault, false)
}

fn status_of(fault: Fault, to_service: bool) -> Status {
    let reason = fault.reason();
    log_cause(&fault);
    let mut details = ErrorDetails::new();
    let goes_out = |key: &str| to_service || !BETWEEN_SERVICES.contains(&key);
    let metadata: HashMap<String, String> = fault
        .metadata()
        .iter()
        .filter(|(key, _)| goes_out(key))
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    details.set_error_info(reason.as_str(), ERROR_DOMAIN, metadata);
    if !fault.fields().is_empty() {
        let violation = |field: &fault::FieldViolation| {
            FieldViolation::new(field.field.as_ref(), field.description.as_ref())
        };
        details.set_bad_request(fault.fields().iter().map(violation).collect::<Vec<_>>());
    }
    if reason.code() == Code::FailedPrecondition {
        let violation = PreconditionViolation::new(reason.as_str(), "", fault.message());
        details.set_precondition_failure(vec![violation]);
    }
    if let Some(wait) = fault.retry_after() {
        details.set_retry_info(Some(wait));
    }
    Status::with_error_details(code(reason.code()), fault.message(), details)
}

/// Which of our reasons a status carries; none when it is not ours.
#[must_use]
pub fn reason_of(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info().filter(|info| info.domain == ERROR_DOMAIN)?;
    Reason::parse(&info.reason).filter(|reason| code(reason.code()) == status.code())
}

/// What a peer's refusal means for our own caller.
///
/// A known reason is kept, with its standard message (never the peer's text), field violations, retry time and the
/// metadata of `PASSED_ON`, and what services tell each other, which goes no further. A peer that does not answer, is not ready or too slow is DEPENDENCY_UNAVAILABLE. Reasons that
/// speak about *our* call (we may not call, we sent what it cannot read) and everything unknown are INTERNAL.
#[must_use]
pub fn fault_from_status(status: Status) -> Fault {
    let reason = match reason_of(&status) {
        Some(reason) => passed_on(reason),
        None => match status.code() {
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => {
                Reason::DependencyUnavailable
            }
            _ => Reason::Internal,
        },
    };
    let mut fault = Fault::new(reason);
    if !matches!(reason, Reason::Internal | Reason::DependencyUnavailable) {
        let details = status.get_error_details();
        for violation in details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default()
        {
            fault = fault.with_field(violation.field.clone(), violation.description.clone());
        }
        if let Some(wait) = details.retry_info().and_then(|info| info.retry_delay) {
            fault = fault.with_retry_after(wait);
        }
        for key in PASSED_ON.iter().chain(BETWEEN_SERVICES) {
            if let Some(value) = details.error_info().and_then(|info| info.metadata.get(*key)) {
                fault = fault.with_metadata(key, value.clone());
            }
        }
    }
    fault.with_cause(status)
}

/// The reason we give our own caller when a peer gave us this one.
fn passed_on(reason: Reason) -> Reason {
    match reason {
        Reason::DeadlineExceeded
        | Reason::Cancelled
        | Reason::NotReady
        | Reason::StreamNotRead
        | Reason::DependencyUnavailable => Reason::DependencyUnavailable,
        Reason::PeerNotAllowed
        | Reason::TokenInvalid
        | Reason::MethodUnknown
        | Reason::MalformedRequest
        | Reason::TooLarge
        | Reason::Corrupt
        | Reason::Internal => Reason::Internal,
        Reason::InvalidArgument
        | Reason::InvalidCursor
        | Reason::CursorOutdated
        | Reason::NotFound
        | Reason::RealmTaken
        | Reason::LoginTaken
        | Reason::NameTaken
        | Reason::RealmNotOwned
        | Reason::SignInRefused
        | Reason::RefreshRefused
        | Reason::CodeRefused
        | Reason::RoleNotAllowed
        | Reason::SelfAdministration
        | Reason::TargetOutranksActor
        | Reason::MfaStepUpRequired
        | Reason::MfaEnforcedByParent
        | Reason::MfaEnforced
        | Reason::MfaNotDisabled
        | Reason::MfaStateUnchanged
        | Reason::GenerationOutdated
        | Reason::UserNotLocal
        | Reason::FactorExists
        | Reason::FactorMissing
        | Reason::EnrollmentNotFound
        | Reason::EnrollmentNotConfirmed
        | Reason::EnrollmentTicketRequired
        | Reason::EnrollmentTicketRefused
        | Reason::OrganizationNotActive
        | Reason::OrganizationNotEmpty
        | Reason::LastAdministrator
        | Reason::PasswordExists
        | Reason::InvitationRefused
        | Reason::ExternalSubjectTaken
        | Reason::ClockNotTrusted
        | Reason::UserNotActive
        | Reason::PasswordNotAcceptable
        | Reason::AlreadyBootstrapped
        | Reason::EtagMismatch
        | Reason::RequestIdReused
        | Reason::Overloaded
        | Reason::SignInDelayed
        | Reason::BreakGlassNotNeeded
        | Reason::NotYetInForce => reason,
    }
}

/// A code's name as gRPC writes it.
pub(crate) const fn code_name(code: tonic::Code) -> &'static str {
    match code {
        tonic::Code::Ok => "OK",
        tonic::Code::Cancelled => "CANCELLED",
        tonic::Code::Unknown => "UNKNOWN",
        tonic::Code::InvalidArgument => "INVALID_ARGUMENT",
        tonic::Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        tonic::Code::NotFound => "NOT_FOUND",
        tonic::Code::AlreadyExists => "ALREADY_EXISTS",
        tonic::Code::PermissionDenied => "PERMISSION_DENIED",
        tonic::Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        tonic::Code::FailedPrecondition => "FAILED_PRECONDITION",
        tonic::Code::Aborted => "ABORTED",
        tonic::Code::OutOfRange => "OUT_OF_RANGE",
        tonic::Code::Unimplemented => "UNIMPLEMENTED",
        tonic::Code::Internal => "INTERNAL",
        tonic::Code::Unavailable => "UNAVAILABLE",
        tonic::Code::DataLoss => "DATA_LOSS",
        tonic::Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// What a status that is not ours becomes when it is about to leave the server.
///
/// Our handlers answer with [`into_status`] only, so a foreign status is tonic's own: about a request it could not read
/// (before the handler), or about an answer it could not send.
pub(crate) fn rewritten(status: Status, stage: Stage) -> Status {
    if reason_of(&status).is_some() {
        return status;
    }
    let reason = match (status.code(), stage) {
        (tonic::Code::Unimplemented, _) => Reason::MethodUnknown,
        (tonic::Code::NotFound, _) => Reason::NotFound,
        (tonic::Code::Cancelled, _) => Reason::Cancelled,
        (tonic::Code::DeadlineExceeded, _) => Reason::DeadlineExceeded,
        (tonic::Code::Unavailable, _) => Reason::NotReady,
        (tonic::Code::OutOfRange | tonic::Code::ResourceExhausted, Stage::Headers) => Reason::TooLarge,
        (tonic::Code::Internal | tonic::Code::InvalidArgument | tonic::Code::Unknown, Stage::Headers) => {
            Reason::MalformedRequest
        }
        _ => Reason::Internal,
    };
    into_status(Fault::new(reason).with_cause(status))
}

/// Where a foreign status was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Instead of an answer.
    Headers,
    /// After an answer had begun.
    Trailers,
}

fn log_cause(fault: &Fault) {
    let reason = fault.reason();
    let Some(cause) = fault.cause() else { return };
    let cause = chain(cause);
    match reason.code() {
        Code::Internal => tracing::error!(%reason, cause, "a call failed"),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
            tracing::warn!(%reason, cause, "a call failed");
        }
        // Refusals are the caller's doing.
        _ => tracing::debug!(%reason, cause, "a call was refused"),
    }
}

fn chain(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

const fn code(code: Code) -> tonic::Code {
    match code {
        Code::InvalidArgument => tonic::Code::InvalidArgument,
        Code::DeadlineExceeded => tonic::Code::DeadlineExceeded,
        Code::NotFound => tonic::Code::NotFound,
        Code::AlreadyExists => tonic::Code::AlreadyExists,
        Code::PermissionDenied => tonic::Code::PermissionDenied,
        Code::ResourceExhausted => tonic::Code::ResourceExhausted,
        Code::FailedPrecondition => tonic::Code::FailedPrecondition,
        Code::Aborted => tonic::Code::Aborted,
        Code::Unimplemented => tonic::Code::Unimplemented,
        Code::Internal => tonic::Code::Internal,
        Code::Unavailable => tonic::Code::Unavailable,
        Code::Unauthenticated => tonic::Code::Unauthenticated,
        Code::Cancelled => tonic::Code::Cancelled,
        Code::OutOfRange => tonic::Code::OutOfRange,
    }
}

#[cfg(test)]
mod tests;
