//! Finding the sign-in of a token, and whether it may take its next step.

use fault::{Outcome, Reason};
use keyring::digest::token_hash;
use types::{AuthSource, Token};
use wire::UserFacts;

use super::refuse_sign_in::Cost;
use super::{Identity, Origin};
use crate::domain::gate;
use crate::domain::organization::Organization;
use crate::domain::refusal_counts::Cause;
use crate::domain::sign_in::{NextStep, Refusal, SignIn};
use crate::domain::user::User;
use crate::store::sign_ins;

/// The sign-in of a token, whatever has become of it, with its user as of now.
pub(super) struct Found {
    pub(super) sign_in: SignIn,
    pub(super) user: User,
    pub(super) organization: Organization,
    /// The call's origin with the sign-in's client.
    pub(super) origin: Origin,
}

/// A sign-in that may take its next step, and its user's facts as of now.
pub(super) struct Pending {
    pub(super) sign_in: SignIn,
    pub(super) facts: UserFacts,
    /// The call's origin with the sign-in's client.
    pub(super) origin: Origin,
}

impl Found {
    /// Whether everything that the sign-in depends on is as it was when it began, as far as it is known here.
    pub(super) fn is_as_it_was(&self) -> bool {
        self.is_of_its_generation() && self.is_of_its_user()
    }

    fn is_of_its_generation(&self) -> bool {
        self.sign_in.basis.generation >= self.user.generation_floor
    }

    fn is_of_its_user(&self) -> bool {
        self.sign_in.user_version == self.user.version
            && gate::standing(&self.user, self.organization.branch, AuthSource::Local).is_ok()
    }
}

impl Identity {
    /// The sign-in of a token.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED for a token that opens none (counted); DEPENDENCY_UNAVAILABLE.
    pub(super) async fn look_up_sign_in(&self, token: Option<Token>, mut origin: Origin) -> Outcome<Found> {
        let found = match token {
            Some(token) => sign_ins::find_by_token(&self.store, token_hash(&token)).await?,
            None => None,
        };
        let Some((sign_in, user, organization)) = found else {
            // Nobody is known whose event it could be.
            self.refusals.count(Cause::UnknownToken, self.clock.now());
            return Err(Reason::SignInRefused.into());
        };
        // What is not known of the tree is asked for: a sign-in does not die of it.
        let organization = self.complete_organization(Some(organization), sign_in.organization_id).await?;
        origin.client = sign_in.client.clone();
        Ok(Found { sign_in, user, organization, origin })
    }

    /// The sign-in, if it may take `step` now.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded); DEPENDENCY_UNAVAILABLE.
    pub(super) async fn may_take(&self, found: Found, step: NextStep) -> Outcome<Pending> {
        let is_as_it_was = found.is_as_it_was();
        self.take(found, step, is_as_it_was).await
    }

    /// The sign-in, if its enrolment may be acknowledged now. An acknowledgement that is under way, or whose answer was
    /// lost, has raised the user's generation above the sign-in's already: mfa knows whether it was this one.
    ///
    /// # Errors
    /// As [`Self::may_take`].
    pub(super) async fn may_acknowledge(&self, found: Found) -> Outcome<Pending> {
        let is_of_its_user = found.is_of_its_user();
        self.take(found, NextStep::EnrollMfa, is_of_its_user).await
    }

    async fn take(&self, found: Found, step: NextStep, is_as_it_was: bool) -> Outcome<Pending> {
        let now = self.clock.now();
        let Found { sign_in, user, organization, origin } = found;
        if !sign_in.can_take(step, now) || !is_as_it_was {
            let cost = if is_as_it_was { Cost::Nothing } else { Cost::Life };
            let path = organization.path;
            return Err(self.refuse_step(&origin, path, sign_in, Refusal::Outdated, cost, now).await);
        }
        let facts = user.facts(&organization.path);
        Ok(Pending { sign_in, facts, origin })
    }
}
