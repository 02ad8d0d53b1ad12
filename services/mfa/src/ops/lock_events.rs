//! The events that go with locks: told within the unit that locks, or finds that a lock has ended.

use eventlog::Act;
use store::Unit;
use types::EventId;

use crate::domain::Attempts;
use crate::store::events::{self, Detail, NotificationKind, Whom};

/// Tells in one event how often a lock was tried that has ended, or is being ended. The caller writes the attempts without
/// that count.
pub(super) fn tell_hammering(unit: &mut Unit<'_>, act: &Act, whom: &Whom<'_>, attempts: &Attempts) {
    if let Some(hammered) = attempts.hammered() {
        let _also = unit.record(events::lock_hammered(act, whom, hammered, false));
    }
}

/// Tells what a wrong code led to, besides its own event `about`: a lock, of which the user is told; and the suspicion that
/// somebody else knows the password, after which identity demands a new one.
pub(super) fn tell_wrong(
    unit: &mut Unit<'_>,
    act: &Act,
    whom: &Whom<'_>,
    attempts: &Attempts,
    suspicious: bool,
    about: EventId,
) {
    if attempts.is_locked(act.at) {
        let detail = Detail { locked_until: attempts.lock_end(act.at), ..Detail::default() };
        let locked = events::notification_due(act, whom, NotificationKind::Locked, about, detail);
        let _also = unit.record(locked);
    }
    if suspicious {
        let suspected = events::password_suspected(act, whom, attempts.recent_failures.len());
        let kind = NotificationKind::PasswordSuspected;
        let notice = events::notification_due(act, whom, kind, suspected.event_id(), Detail::default());
        let _also = unit.record(suspected);
        let _also = unit.record(notice);
    }
}
