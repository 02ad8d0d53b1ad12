//! Changing one's own password.

use access::SignedIn;
use clock::Timestamp;
use fault::{Outcome, Reason};
use store::{Recorded, Unit};
use types::Password;

use super::create_user::check_password;
use super::end_all::end_all;
use super::set_password::must_be_local;
use super::{Identity, Origin};
use crate::domain::password::StoredHash;
use crate::store::{endings, events, user_changes, users};

/// The command.
#[derive(Debug)]
pub struct ChangePassword {
    /// Whose password.
    pub bearer: SignedIn,
    /// The present password as typed.
    pub current: Password,
    /// The new one.
    pub new: Password,
    /// Where it comes from.
    pub origin: Origin,
}

struct Replacement {
    bearer: SignedIn,
    /// The version whose password was checked.
    user_version: i64,
    hash: StoredHash,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Changes the bearer's password. Their other sessions and sign-ins under way end; this session lives on.
    ///
    /// # Errors
    /// USER_NOT_LOCAL; CODE_REFUSED when the present password is another (the caller's refusal is recorded where calls are);
    /// PASSWORD_NOT_ACCEPTABLE; TOKEN_INVALID when the session is over; OVERLOADED; DEPENDENCY_UNAVAILABLE.
    pub async fn change_password(&self, command: ChangePassword) -> Outcome<()> {
        let ChangePassword { bearer, current, new, origin } = command;
        let (record, _) = users::find(&self.store, bearer.user_id).await?.ok_or(Reason::TokenInvalid)?;
        must_be_local(&record)?;
        let verdict = self.passwords.verify(record.password_hash.clone(), current).await?;
        if !verdict.matches {
            return Err(Reason::CodeRefused.into());
        }
        check_password(&new, &record.user.login)?;
        let hash = self.passwords.hash(new).await?;
        let user_version = record.user.version;
        let replacement = Replacement { bearer, user_version, hash, origin, now: self.clock.now() };
        self.store
            .unit("change_password", replacement, |unit, replacement| Box::pin(run(unit, replacement)))
            .await
    }
}

async fn run(unit: &mut Unit<'_>, replacement: &Replacement) -> Outcome<Recorded<()>> {
    let Replacement { bearer, user_version, hash, origin, now } = replacement;
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
    let receipt = unit.record(events::user_password_changed(&act, &after.user.facts(&bearer.path), false));
    end_all(unit, &act, &bearer.path, &after.user, Some(bearer.session_id)).await?;
    Ok(receipt.with(()))
}
