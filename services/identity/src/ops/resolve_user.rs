//! What the other services are told about a user.

use fault::{Fault, Outcome, Reason};
use types::UserId;
use wire::{UserFacts, UserState};

use super::Identity;
use crate::store::users;

impl Identity {
    /// The facts of a user who is not deleted. Calls nobody further.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub async fn resolve_user(&self, id: UserId) -> Outcome<UserFacts> {
        let found = users::find(&self.store, id).await?;
        let found = found.filter(|(record, _)| record.user.state != UserState::Deleted);
        let (record, organization) = found.ok_or(Reason::NotFound)?;
        let organization = organization.ok_or_else(|| {
            Fault::new(Reason::DependencyUnavailable).with_cause("the copy lacks a user's organisation")
        })?;
        Ok(record.user.facts(&organization.path))
    }
}
