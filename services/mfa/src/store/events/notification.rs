//! What a user should be told, as envelopes for the log: the platform tells it, we send no mail.

use clock::Timestamp;
use eventlog::{Act, Draft};
use proto::events::event::Payload;
use proto::events::{NotificationDue, NotificationKind};
use types::EventId;
use wire::timestamp_to_wire;

use super::Whom;

/// What some notifications say besides their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Detail {
    /// With a recovery code that was used: how many are left.
    pub(crate) recovery_codes_left: i32,
    /// With a lock: until when; none when only an administrator can end it.
    pub(crate) locked_until: Option<Timestamp>,
}

/// `mfa.user.notification_due`, about another event of the same unit.
pub(crate) fn notification_due(
    act: &Act,
    whom: &Whom<'_>,
    kind: NotificationKind,
    about: EventId,
    detail: Detail,
) -> Draft {
    let payload = NotificationDue {
        kind: kind.into(),
        event_id: about.to_string(),
        recovery_codes_left: detail.recovery_codes_left,
        locked_until: detail.locked_until.map(timestamp_to_wire),
    };
    whom.draft(act, "mfa.user.notification_due", Payload::NotificationDue(payload))
}
