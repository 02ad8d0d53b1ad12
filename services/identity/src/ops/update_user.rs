//! Changing a user: name and mail address, of oneself too; role and authentication source, of others.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, Key};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{AuthSource, EventId, Password, UserId};

use super::administer::{
    Target, check_etag, denied, is_still_signed_in, keep_provider, lock_present, lock_target, settled,
    unchanged,
};
use super::create_user::{check_password, taken};
use super::end_all::end_all;
use super::password_pool::Lane;
use super::{Identity, Origin};
use crate::domain::authority;
use crate::domain::password::StoredHash;
use crate::domain::session::EndCause;
use crate::domain::user_change::{Changed, Changes, NewSource, Unfit};
use crate::store::answers::{self, UserChanged};
use crate::store::{events, invitations, user_changes, users};

/// The command.
#[derive(Debug)]
pub struct UpdateUser {
    /// Who changes.
    pub caller: SignedIn,
    /// Whom.
    pub user_id: UserId,
    /// What.
    pub changes: Changes<Password>,
    /// The state the caller has seen; none: whatever it is.
    pub etag: Option<String>,
    /// The caller's id of the command, with the fingerprint of what it asks for.
    pub key: Option<Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Update {
    caller: SignedIn,
    target: Target,
    changes: Changes<StoredHash>,
    etag: Option<String>,
    key: Option<Key>,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Changes a user. What sessions depend on - role, authentication source - ends them, and is in force in every service
    /// when this answers. What already is as asked for is answered as it is.
    ///
    /// # Errors
    /// ROLE_NOT_ALLOWED, MFA_STEP_UP_REQUIRED, NOT_FOUND, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR, INVALID_ARGUMENT,
    /// PASSWORD_NOT_ACCEPTABLE, ETAG_MISMATCH, EXTERNAL_SUBJECT_TAKEN, LAST_ADMINISTRATOR, REQUEST_ID_REUSED, OVERLOADED;
    /// NOT_YET_IN_FORCE: the change stands, a retry waits again.
    pub async fn update_user(&self, command: UpdateUser) -> Outcome<UserChanged> {
        let UpdateUser { caller, user_id, changes, etag, key, origin } = command;
        let now = self.clock.now();
        let target = self.target_of_update(&caller, user_id, &changes, now).await?;
        if let Some(role) = changes.role {
            authority::may_administer(caller.role, role).map_err(denied)?;
        }
        let hash = match changes.password() {
            Some(password) => {
                check_password(password, &target.record.user.login)?;
                Some(self.passwords.hash(Lane::User(caller.user_id), password.clone()).await?)
            }
            None => None,
        };
        let is_profile_only = changes.is_profile_only();
        let update = Update { caller, target, changes: changes.hashed(hash), etag, key, origin, now };
        let outcome =
            self.store.unit("update_user", update, |unit, update| Box::pin(run(unit, update))).await;
        let (event, answer) = settled(request_record::answer(outcome))?;
        if let Some(event) = event.filter(|_| !is_profile_only) {
            self.dependents.await_in_force(event).await?;
        }
        Ok(answer)
    }

    /// Whose update it is. Only what is about others asks for a role and a fresh second factor.
    async fn target_of_update(
        &self,
        caller: &SignedIn,
        user_id: UserId,
        changes: &Changes<Password>,
        now: Timestamp,
    ) -> Outcome<Target> {
        if user_id == caller.user_id {
            if !changes.is_profile_only() {
                return Err(Reason::SelfAdministration.into());
            }
            let (record, _) = users::find(&self.store, user_id).await?.ok_or(Reason::NotFound)?;
            return Ok(Target { record, path: caller.path.clone() });
        }
        if !authority::administers(caller.role) {
            return Err(Reason::RoleNotAllowed.into());
        }
        if !caller.has_fresh_mfa(now) {
            return Err(Reason::MfaStepUpRequired.into());
        }
        self.find_target(caller, user_id).await
    }
}

async fn run(unit: &mut Unit<'_>, update: &Update) -> Outcome<Recorded<(EventId, UserChanged)>> {
    let Update { caller, target, changes, etag, key, origin, now } = update;
    request_record::lookup(unit, key.as_ref(), *now).await?;
    let before = if target.id() == caller.user_id {
        let record = lock_present(unit, target).await?;
        is_still_signed_in(unit, caller).await?;
        record
    } else {
        lock_target(unit, caller, target).await?
    };
    check_etag(&before.user, etag.as_deref())?;
    let Some(Changed { record: mut after, fields, ends_sessions }) =
        before.changed(changes, *now).map_err(unfit)?
    else {
        return Err(unchanged(&before, answers::user(&before.user)));
    };
    keep_provider(unit, &before, &after).await?;
    let act = origin.by_user(caller, *now);
    let draft = events::user_updated(&act, &after.user.facts(&target.path), &fields);
    let event = draft.event_id();
    if ends_sessions {
        after.authority_event = Some(event);
    }
    user_changes::update(unit, &after).await.map_err(taken)?;
    if after.user.auth_source == AuthSource::External
        || matches!(changes.source, Some(NewSource::Local(Some(_))))
    {
        invitations::remove(unit, after.user.organization_id, after.user.id).await?;
    }
    let receipt = unit.record(draft);
    if ends_sessions {
        end_all(unit, &act, &target.path, &after.user, None, EndCause::UserChanged).await?;
    }
    let answer = answers::user(&after.user);
    request_record::insert(unit, key.as_ref(), event, &answer, *now).await?;
    Ok(receipt.with((event, answer)))
}

fn unfit(unfit: Unfit) -> Fault {
    match unfit {
        Unfit::Role => Fault::field("role", "does not belong into an organisation of this kind"),
        Unfit::LocalAlready => Fault::field("password", "is set by SetPassword: the user is local already"),
    }
}
