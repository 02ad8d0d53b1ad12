//! Ending a session of one's own.

use access::SignedIn;
use clock::Timestamp;
use fault::{Outcome, Reason};
use store::{Recorded, Unit};
use types::SessionId;

use super::{Identity, Origin};
use crate::domain::session::EndCause;
use crate::store::{events, sessions};

struct Revocation {
    bearer: SignedIn,
    session_id: SessionId,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Ends a session of the bearer: the present one, or another. One that has ended stays ended.
    ///
    /// # Errors
    /// NOT_FOUND for what is no session of the bearer's; DEPENDENCY_UNAVAILABLE.
    pub async fn revoke_session(
        &self,
        bearer: SignedIn,
        session_id: Option<SessionId>,
        origin: Origin,
    ) -> Outcome<()> {
        let session_id = session_id.unwrap_or(bearer.session_id);
        let found = sessions::find(&self.store, bearer.organization_id(), session_id).await?;
        let session = found.filter(|found| found.user.id == bearer.user_id).ok_or(Reason::NotFound)?.session;
        if session.ended.is_some() {
            return Ok(());
        }
        let revocation = Revocation { bearer, session_id, origin, now: self.clock.now() };
        let ended = self
            .store
            .unit("revoke_session", revocation, |unit, revocation| Box::pin(end(unit, revocation)))
            .await;
        match ended {
            // Somebody ended it meanwhile: it has ended.
            Err(fault) if fault.reason() == Reason::EtagMismatch => Ok(()),
            other => other,
        }
    }
}

async fn end(unit: &mut Unit<'_>, revocation: &Revocation) -> Outcome<Recorded<()>> {
    let bearer = &revocation.bearer;
    let session = sessions::lock(unit, bearer.organization_id(), revocation.session_id).await?;
    let session = session.filter(|session| session.ended.is_none()).ok_or(Reason::EtagMismatch)?;
    sessions::end(unit, &session, EndCause::Revoked).await?;
    let act = revocation.origin.by_user(bearer, revocation.now);
    let draft = events::session_ended(&act, &bearer.path, session.id, EndCause::Revoked);
    Ok(unit.record(draft).with(()))
}
