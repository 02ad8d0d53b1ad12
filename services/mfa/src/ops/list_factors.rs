//! A user's authenticators.

use access::SignedIn;
use fault::Outcome;
use types::UserId;

use super::Mfa;
use crate::domain::{Attempts, Factor, may_see};
use crate::store::{self as rows, UserKey};

/// An active factor as its user and those above see it.
#[derive(Debug, Clone)]
pub(crate) struct ListedFactor {
    pub(crate) factor: Factor,
    /// How many recovery codes go with it.
    pub(crate) recovery_codes_left: i32,
    /// Whether the second factor is locked now.
    pub(crate) locked: bool,
    /// Until when; none when it is not, or only an administrator can end it.
    pub(crate) locked_until: Option<clock::Timestamp>,
}

impl ListedFactor {
    /// A factor with what else is known at `now`.
    pub(super) fn of(
        factor: Factor,
        recovery_codes_left: i32,
        lock: &Attempts,
        now: clock::Timestamp,
    ) -> Self {
        Self { factor, recovery_codes_left, locked: lock.is_locked(now), locked_until: lock.lock_end(now) }
    }
}

impl Mfa {
    /// The active factors of the caller, or of a user of the caller's branch.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn list_factors(
        &self,
        caller: &SignedIn,
        user: Option<UserId>,
    ) -> Outcome<Vec<ListedFactor>> {
        let key = match user.filter(|id| *id != caller.user_id) {
            None => UserKey::new(&caller.path, caller.user_id),
            Some(id) => {
                let located = self.locate_user(id).await?;
                may_see(caller, &located)?;
                UserKey::new(located.path(), id)
            }
        };
        let now = self.clock.now();
        let listed = self.store.snapshot("list_factors", (key, now), |unit, (key, now)| {
            Box::pin(async move {
                let Some(factor) = rows::factor::load_in_unit(unit, *key).await? else { return Ok(None) };
                let left = rows::recovery_codes::count(unit, *key).await?;
                let lock = rows::user::lock_state(unit, *key).await?;
                Ok(Some(ListedFactor::of(factor, left, &lock, *now)))
            })
        });
        Ok(listed.await?.into_iter().collect())
    }
}
