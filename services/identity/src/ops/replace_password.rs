//! The last step of a sign-in whose password somebody else is likely to know.

use eventlog::request_record::sealed;
use fault::{Outcome, Reason};
use types::{EventId, Password, Token};

use super::change_password::present_password;
use super::create_user::check_password;
use super::find_sign_in::Pending;
use super::open_session::{Opened, Opening, Source};
use super::password_pool::Lane;
use super::{Identity, Origin};
use crate::domain::evaluation::Passage;
use crate::domain::opened::{FinishedSignIn, OpenedSession};
use crate::domain::sign_in::NextStep;
use crate::store::answers::{SignInAnswer, read_sign_in};
use crate::store::{kept_answers, users};

/// The command.
#[derive(Debug)]
pub struct ReplacePassword {
    /// None when the text can be no token of ours.
    pub sign_in_token: Option<Token>,
    /// The new password as chosen.
    pub new: Password,
    /// Under which the answer is kept, so that a lost one is given again.
    pub key: Option<sealed::Key>,
    /// Where it comes from; the client is the sign-in's.
    pub origin: Origin,
}

impl Identity {
    /// Replaces the password and opens the session. The user's other sessions and sign-ins under way end. In force in every
    /// service when this answers.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded); PASSWORD_NOT_ACCEPTABLE, also for the present password, and the sign-in is still open;
    /// REQUEST_ID_REUSED, OVERLOADED, DEPENDENCY_UNAVAILABLE; NOT_YET_IN_FORCE: the password is the new one, and the same
    /// request gives the session.
    pub async fn replace_password(&self, command: ReplacePassword) -> Outcome<OpenedSession> {
        let ReplacePassword { sign_in_token, new, key, origin } = command;
        let found = self.look_up_sign_in(sign_in_token, origin).await?;
        if let Some(answer) = self.sign_in_answered(&found, key.as_ref()).await? {
            return self.in_force(opened(read_sign_in(&answer)?)?, None, key.as_ref()).await;
        }
        let Pending { sign_in, facts, origin } = self.may_take(found, NextStep::ChangePassword).await?;
        check_password(&new, &facts.login)?;
        let proved = sign_in.proved.as_ref().ok_or(Reason::SignInRefused)?;
        let passage = Passage::resumed(sign_in.basis.clone(), proved);
        // Had it changed since, the gate would find another version of the user than the sign-in's.
        let lane = Lane::User(facts.id);
        let present = users::find(&self.store, facts.id).await?.and_then(|(record, _)| record.password_hash);
        if self.passwords.verify(lane.clone(), present, new.clone()).await?.matches {
            return Err(present_password());
        }
        let opening = Opening {
            origin,
            path: facts.path,
            user_id: facts.id,
            source: Source::NewPassword { id: sign_in.id, hash: self.passwords.hash(lane, new).await? },
            passage,
            recovery_codes_left: 0,
            key: key.clone(),
        };
        let Opened { answer, event, .. } = self.open_session(opening).await?;
        self.in_force(opened(read_sign_in(&answer)?)?, event, key.as_ref()).await
    }

    /// The session, once every service has heard of the new password. The session's event comes after the password's in the
    /// same commit.
    async fn in_force(
        &self,
        session: OpenedSession,
        event: Option<EventId>,
        key: Option<&sealed::Key>,
    ) -> Outcome<OpenedSession> {
        let kept = match event {
            Some(event) => Some(event),
            None => kept_answers::find_with_event::<SignInAnswer>(&self.store, key, self.clock.now())
                .await?
                .map(|(event, _)| event),
        };
        if let Some(event) = kept {
            self.dependents.await_in_force(event).await?;
        }
        Ok(session)
    }
}

fn opened(finished: FinishedSignIn) -> Outcome<OpenedSession> {
    finished.session().ok_or_else(|| Reason::SignInRefused.into())
}
