//! A user's authenticators.

use access::SignedIn;
use fault::Outcome;
use types::UserId;

use super::Mfa;
use crate::domain::{Factor, may_see};
use crate::store::{UserKey, factor};

impl Mfa {
    /// The active factors of the caller, or of a user of the caller's branch.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn list_factors(&self, caller: &SignedIn, user: Option<UserId>) -> Outcome<Vec<Factor>> {
        let key = match user.filter(|id| *id != caller.user_id) {
            None => UserKey::new(&caller.path, caller.user_id),
            Some(id) => {
                let located = self.locate_user(id).await?;
                may_see(caller, &located)?;
                UserKey::new(located.path(), id)
            }
        };
        Ok(factor::load(&self.store, key).await?.into_iter().collect())
    }
}
