//! For whom an access token speaks, now.

use access::{Authenticator, Claims, SignedIn};
use async_trait::async_trait;
use fault::{Outcome, Reason};
use types::{OrganizationId, SessionId, UserId};

use super::{Identity, signed_in};
use crate::domain::gate;
use crate::store::sessions::{self, Standing};

impl Identity {
    /// The living session of an access token, with user and organisation as they are now; none for anything else.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub async fn introspect_token(&self, token: &str) -> Outcome<Option<Standing>> {
        let Some(claims) = self.tokens.verify(token).await? else { return Ok(None) };
        let Some((organization, session, user)) = named(&claims) else { return Ok(None) };
        let found = sessions::find(&self.store, organization, session).await?;
        Ok(found.filter(|found| found.user.id == user && self.lives(found)))
    }

    fn lives(&self, standing: &Standing) -> bool {
        standing.session.is_live(self.clock.now())
            && standing.session.basis.generation >= standing.user.generation_floor
            && standing.session.user_version == standing.user.version
            && gate::standing(
                &standing.user,
                standing.organization.branch,
                standing.session.methods.auth_source(),
            )
            .is_ok()
    }
}

#[async_trait]
impl Authenticator for Identity {
    async fn authenticate(&self, bearer: &str) -> Outcome<SignedIn> {
        let standing = self.introspect_token(bearer).await?.ok_or(Reason::TokenInvalid)?;
        Ok(signed_in(&standing.user, &standing.organization.path, &standing.session))
    }
}

fn named(claims: &Claims) -> Option<(OrganizationId, SessionId, UserId)> {
    Some((claims.org.parse().ok()?, claims.sid.parse().ok()?, claims.sub.parse().ok()?))
}
