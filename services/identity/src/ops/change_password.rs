//! Changing one's own password.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, Password};

use super::answered_before::leave_if_answered;
use super::create_user::check_password;
use super::end_all::end_all;
use super::password_pool::Lane;
use super::set_password::{must_be_local, password_changed};
use super::{Identity, Origin};
use crate::domain::password::StoredHash;
use crate::domain::session::EndCause;
use crate::store::answers::PasswordChanged;
use crate::store::{endings, kept_answers, user_changes, users};

/// The command.
#[derive(Debug)]
pub struct ChangePassword {
    /// Whose password.
    pub bearer: SignedIn,
    /// The present password as typed.
    pub current: Password,
    /// The new one.
    pub new: Password,
    /// Under which it is kept that it was done.
    pub key: Option<sealed::Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Replacement {
    bearer: SignedIn,
    /// The version whose password was checked.
    user_version: i64,
    hash: StoredHash,
    key: Option<sealed::Key>,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Changes the bearer's password. Their other sessions and sign-ins under way end; this session lives on. In force in every
    /// service when this answers. The same request again is not done again: it waits until it is in force.
    ///
    /// # Errors
    /// USER_NOT_LOCAL; CODE_REFUSED when the present password is another (recorded as at a sign-in); SIGN_IN_DELAYED after too
    /// many of those; PASSWORD_NOT_ACCEPTABLE; TOKEN_INVALID when the session is over; REQUEST_ID_REUSED; OVERLOADED;
    /// DEPENDENCY_UNAVAILABLE; NOT_YET_IN_FORCE: the password is the new one.
    pub async fn change_password(&self, command: ChangePassword) -> Outcome<()> {
        let ChangePassword { bearer, current, new, key, origin } = command;
        let now = self.clock.now();
        let done = kept_answers::find_with_event::<PasswordChanged>(&self.store, key.as_ref(), now).await?;
        if let Some((event, PasswordChanged {})) = done {
            return self.dependents.await_in_force(event).await;
        }
        let (record, _) = users::find(&self.store, bearer.user_id).await?.ok_or(Reason::TokenInvalid)?;
        must_be_local(&record)?;
        let is_the_same = new.expose() == current.expose();
        self.check_present_password(&record, &bearer, current, &origin).await?;
        check_password(&new, &record.user.login)?;
        if is_the_same {
            return Err(present_password());
        }
        let hash = self.passwords.hash(Lane::User(bearer.user_id), new).await?;
        let user_version = record.user.version;
        let replacement = Replacement { bearer, user_version, hash, key, origin, now: self.clock.now() };
        let changed = self
            .store
            .unit("change_password", replacement, |unit, replacement| Box::pin(run(unit, replacement)))
            .await;
        let (event, PasswordChanged {}) = request_record::answer(changed)?;
        self.dependents.await_in_force(event).await
    }
}

/// A password is not replaced by itself: somebody else may know it.
pub(super) fn present_password() -> Fault {
    Fault::new(Reason::PasswordNotAcceptable).with_field("new_password", "must not be the present password")
}

async fn run(
    unit: &mut Unit<'_>,
    replacement: &Replacement,
) -> Outcome<Recorded<(EventId, PasswordChanged)>> {
    let Replacement { bearer, user_version, hash, key, origin, now } = replacement;
    leave_if_answered(unit, key.as_ref(), *now).await?;
    let organization = bearer.organization_id();
    let locked = users::lock(unit, organization, bearer.user_id).await?;
    let before = locked.ok_or(Reason::TokenInvalid)?.user;
    // Changed since its password was checked: then this session is over, too.
    if before.user.version != *user_version {
        return Err(Reason::TokenInvalid.into());
    }
    let after = before.with_password(hash.clone(), *now);
    user_changes::update(unit, &after).await?;
    let lives =
        endings::keep_session(unit, organization, bearer.user_id, bearer.session_id, after.user.version);
    if !lives.await? {
        return Err(Reason::TokenInvalid.into());
    }
    let act = origin.by_user(bearer, *now);
    let (receipt, event) = password_changed(unit, &act, &after.user.facts(&bearer.path), false);
    end_all(unit, &act, &bearer.path, &after.user, Some(bearer.session_id), EndCause::UserChanged).await?;
    // Of no generation: that a password was changed stays true.
    let answer = PasswordChanged {};
    sealed::insert(unit, key.as_ref(), event, 0, &answer, *now).await?;
    Ok(receipt.with((event, answer)))
}
