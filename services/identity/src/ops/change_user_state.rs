//! Disabling, enabling and deleting a user.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, Key};
use fault::Outcome;
use store::{Recorded, Unit};
use types::{EventId, Reasoning, UserId};
use wire::UserState;

use super::administer::{Target, check_etag, keep_provider, lock_target, settled, unchanged};
use super::end_all::end_all;
use super::{Identity, Origin};
use crate::domain::session::EndCause;
use crate::store::answers::{self, UserChanged};
use crate::store::{events, invitations, user_changes};

/// The command.
#[derive(Debug)]
pub struct ChangeUserState {
    /// Who changes.
    pub caller: SignedIn,
    /// Whom.
    pub user_id: UserId,
    /// What they are to be.
    pub state: UserState,
    /// Why.
    pub reason: Reasoning,
    /// The state the caller has seen; none: whatever it is.
    pub etag: Option<String>,
    /// The caller's id of the command, with the fingerprint of what it asks for.
    pub key: Option<Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Change {
    command: ChangeUserState,
    target: Target,
    now: Timestamp,
}

impl Identity {
    /// Disables, enables or deletes a user; in force in every service when this answers. Who is in that state already is
    /// answered as they are - but who is deleted is nobody, and never comes back.
    ///
    /// # Errors
    /// NOT_FOUND, SELF_ADMINISTRATION, ROLE_NOT_ALLOWED, TARGET_OUTRANKS_ACTOR, ETAG_MISMATCH, LAST_ADMINISTRATOR,
    /// REQUEST_ID_REUSED; NOT_YET_IN_FORCE: the change stands, a retry waits again.
    pub async fn change_user_state(&self, command: ChangeUserState) -> Outcome<UserChanged> {
        let target = self.find_target(&command.caller, command.user_id).await?;
        let change = Change { command, target, now: self.clock.now() };
        let outcome =
            self.store.unit("change_user_state", change, |unit, change| Box::pin(run(unit, change))).await;
        let (event, answer) = settled(request_record::answer(outcome))?;
        if let Some(event) = event {
            self.dependents.await_in_force(event).await?;
        }
        Ok(answer)
    }
}

async fn run(unit: &mut Unit<'_>, change: &Change) -> Outcome<Recorded<(EventId, UserChanged)>> {
    let Change { command, target, now } = change;
    let key = command.key.as_ref();
    request_record::lookup(unit, key, *now).await?;
    let before = lock_target(unit, &command.caller, target).await?;
    check_etag(&before.user, command.etag.as_deref())?;
    let Some(mut after) = before.in_state(command.state, *now) else {
        return Err(unchanged(&before, answers::user(&before.user)));
    };
    keep_provider(unit, &before, &after).await?;
    let act = command.origin.by_user(&command.caller, *now);
    let draft = events::user_state_changed(&act, &after.user.facts(&target.path), &command.reason);
    let event = draft.event_id();
    after.authority_event = Some(event);
    user_changes::update(unit, &after).await?;
    // Whoever is enabled again is invited again: a mail that went astray is one reason to disable somebody.
    if after.user.state != UserState::Active {
        invitations::remove(unit, after.user.organization_id, after.user.id).await?;
    }
    let receipt = unit.record(draft);
    end_all(unit, &act, &target.path, &after.user, None, EndCause::UserChanged).await?;
    let answer = answers::user(&after.user);
    request_record::insert(unit, key, event, &answer, *now).await?;
    Ok(receipt.with((event, answer)))
}
