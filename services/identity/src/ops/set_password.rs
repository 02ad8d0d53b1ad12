//! Setting another user's password.

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use fault::{Outcome, Reason};
use store::{Receipt, Recorded, Unit};
use types::{AuthSource, EventId, Password, UserId};
use wire::UserFacts;

use super::administer::{Target, lock_target};
use super::create_user::check_password;
use super::end_all::end_all;
use super::password_pool::Lane;
use super::{Identity, Origin};
use crate::domain::password::StoredHash;
use crate::domain::session::EndCause;
use crate::domain::user::UserRecord;
use crate::store::{events, invitations, user_changes};

/// The command.
#[derive(Debug)]
pub struct SetPassword {
    /// Who sets it.
    pub caller: SignedIn,
    /// Whose.
    pub user_id: UserId,
    /// The new password.
    pub password: Password,
    /// Where it comes from.
    pub origin: Origin,
}

struct Setting {
    caller: SignedIn,
    target: Target,
    hash: StoredHash,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Sets a local user's password; their sessions and sign-ins under way end. In force in every service when this answers:
    /// mfa lets nobody in whose present version it does not know.
    ///
    /// # Errors
    /// NOT_FOUND, SELF_ADMINISTRATION, ROLE_NOT_ALLOWED, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, PASSWORD_NOT_ACCEPTABLE,
    /// OVERLOADED, DEPENDENCY_UNAVAILABLE; NOT_YET_IN_FORCE: the password is set, a retry sets it again and waits again.
    pub async fn set_password(&self, command: SetPassword) -> Outcome<()> {
        let SetPassword { caller, user_id, password, origin } = command;
        let target = self.find_target(&caller, user_id).await?.present()?;
        must_be_local(&target.record)?;
        check_password(&password, &target.record.user.login)?;
        let hash = self.passwords.hash(Lane::User(caller.user_id), password).await?;
        let setting = Setting { caller, target, hash, origin, now: self.clock.now() };
        let set =
            self.store.unit("set_password", setting, |unit, setting| Box::pin(run(unit, setting))).await;
        self.dependents.await_in_force(set?).await
    }
}

async fn run(unit: &mut Unit<'_>, setting: &Setting) -> Outcome<Recorded<EventId>> {
    let Setting { caller, target, hash, origin, now } = setting;
    let before = lock_target(unit, caller, target).await?;
    must_be_local(&before)?;
    let after = before.with_password(hash.clone(), *now);
    user_changes::update(unit, &after).await?;
    invitations::remove(unit, after.user.organization_id, after.user.id).await?;
    let act = origin.by_user(caller, *now);
    let (receipt, event) = password_changed(unit, &act, &after.user.facts(&target.path), true);
    end_all(unit, &act, &target.path, &after.user, None, EndCause::UserChanged).await?;
    Ok(receipt.with(event))
}

/// Records that a password is another now, and that its user should be told.
pub(super) fn password_changed(
    unit: &mut Unit<'_>,
    act: &Act,
    facts: &UserFacts,
    by_administrator: bool,
) -> (Receipt, EventId) {
    let changed = events::user_password_changed(act, facts, by_administrator);
    let notice = events::password_notification_due(act, facts, changed.event_id());
    let event = changed.event_id();
    let receipt = unit.record(changed);
    let _ = unit.record(notice);
    (receipt, event)
}

/// # Errors
/// USER_NOT_LOCAL.
pub(super) fn must_be_local(record: &UserRecord) -> Outcome<()> {
    match record.user.auth_source {
        AuthSource::Local => Ok(()),
        AuthSource::External => Err(Reason::UserNotLocal.into()),
    }
}
