//! Attempts that were made, as the log tells of them: an attempt's event has the attempt's id.

use clock::Timestamp;
use fault::Reason;
use prost::Message;
use proto::events::Event;
use proto::events::event::Payload;
use store::{StoreError, Unit};
use types::{AttemptId, EventId};

use crate::domain::{AttemptKind, AttemptOwner, FirstVerdict, MadeAttempt};

const ENVELOPE: &str = "event.envelope";

/// The id of an attempt's event. The primary key of events makes a second one, and with it a second effect, impossible.
pub(crate) fn event_id(attempt: AttemptId) -> EventId {
    EventId::from_uuid(attempt.uuid())
}

/// The attempt that was made under this id.
///
/// # Errors
/// The database's.
pub(crate) async fn find(unit: &Unit<'_>, attempt: AttemptId) -> Result<Option<MadeAttempt>, StoreError> {
    const SQL: &str = "-- attempt::find
        SELECT envelope FROM event WHERE event_id = $1";
    let row = unit.query_opt(SQL, &[&attempt.uuid()]).await?;
    row.map(|row| read(row.try_get("envelope")?)).transpose()
}

/// What an event says about the attempt that it is the event of. What is no attempt has no owner.
pub(super) fn read(envelope: &[u8]) -> Result<MadeAttempt, StoreError> {
    let unreadable = || StoreError::Unreadable { column: ENVELOPE };
    let event = Event::decode(envelope).map_err(|_| unreadable())?;
    let at = event.record_time.as_ref().ok_or_else(unreadable)?;
    let at: Timestamp = wire::timestamp(ENVELOPE, at).map_err(|_| unreadable())?;
    let refused = FirstVerdict::Refused(Reason::parse(&event.reason).unwrap_or(Reason::CodeRefused));
    let subject = event.subject.as_ref().map_or("", |subject| subject.id.as_str());
    let owner = |kind, sign_in_id: &str, session_id: &str| {
        Some(AttemptOwner {
            kind,
            user_id: subject.parse().ok()?,
            sign_in_id: optional(sign_in_id)?,
            session_id: optional(session_id)?,
        })
    };
    let (owner, verdict) = match &event.payload {
        Some(Payload::VerificationSucceeded(of)) => {
            let factor_id = of.factor_id.parse().map_err(|_| unreadable())?;
            let owner = owner(AttemptKind::Code, &of.sign_in_id, &of.session_id);
            (owner, FirstVerdict::Accepted { factor_id })
        }
        Some(Payload::VerificationRefused(of)) => {
            (owner(AttemptKind::Code, &of.sign_in_id, &of.session_id), refused)
        }
        Some(Payload::RecoveryCodeUsed(of)) => (
            owner(AttemptKind::RecoveryCode, &of.sign_in_id, ""),
            FirstVerdict::RecoveryCodeAccepted { left: of.left },
        ),
        Some(Payload::RecoveryCodeRefused(of)) => {
            (owner(AttemptKind::RecoveryCode, &of.sign_in_id, ""), refused)
        }
        Some(Payload::EnrollmentConfirmed(of)) => {
            (owner(AttemptKind::Enrollment, &of.sign_in_id, &of.session_id), FirstVerdict::Confirmed)
        }
        Some(Payload::EnrollmentRefused(of)) => {
            (owner(AttemptKind::Enrollment, &of.sign_in_id, &of.session_id), refused)
        }
        _ => (None, refused),
    };
    Ok(MadeAttempt { owner, verdict, at })
}

/// An id that may be absent; `None` when it is no id, which in an event of ours it never is.
fn optional<T: std::str::FromStr>(id: &str) -> Option<Option<T>> {
    if id.is_empty() { Some(None) } else { id.parse().ok().map(Some) }
}
