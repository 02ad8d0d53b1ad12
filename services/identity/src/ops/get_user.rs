//! Reading one user.

use access::SignedIn;
use fault::{Outcome, Reason};
use types::UserId;
use wire::UserState;

use super::Identity;
use crate::domain::authority;
use crate::domain::user::User;
use crate::store::users;

impl Identity {
    /// A user: oneself, or one of the caller's branch.
    ///
    /// # Errors
    /// NOT_FOUND, for foreign users as for none; DEPENDENCY_UNAVAILABLE.
    pub async fn get_user(&self, caller: &SignedIn, id: UserId) -> Outcome<User> {
        let found = users::find(&self.store, id).await?.map(|(found, _)| found.user);
        // Who is deleted is nobody.
        let found = found.filter(|user| user.state != UserState::Deleted);
        match found {
            Some(user) if user.id == caller.user_id => Ok(user),
            _ if !authority::reads_others(caller.role) => Err(Reason::NotFound.into()),
            found => {
                // Asked for a user that does not exist, too: who probes learns nothing from time or a tenant that is down.
                let organization =
                    found.as_ref().map_or(caller.organization_id(), |user| user.organization_id);
                self.organization_in_reach(caller, organization).await?;
                found.ok_or_else(|| Reason::NotFound.into())
            }
        }
    }
}
