//! The present password, asked for in a session: guessed no faster, and recorded no less, than at a sign-in.

use access::SignedIn;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{OrganizationPath, Password, UserId};

use super::password_pool::Lane;
use super::sign_in_delays::Attempt;
use super::{Identity, Origin};
use crate::domain::sign_in::{Refusal, Step};
use crate::domain::user::UserRecord;
use crate::store::events;

struct Wrong {
    act: Act,
    path: OrganizationPath,
    user: UserId,
}

impl Identity {
    /// Checks the bearer's present password.
    ///
    /// # Errors
    /// CODE_REFUSED when it is another (recorded); SIGN_IN_DELAYED, OVERLOADED (counted): nothing was looked at;
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn check_present_password(
        &self,
        record: &UserRecord,
        bearer: &SignedIn,
        typed: Password,
        origin: &Origin,
    ) -> Outcome<()> {
        let attempt = Attempt::in_session(&record.user.login, bearer.session_id);
        let place = self.queue(&attempt, Lane::User(bearer.user_id))?;
        let turn = self.take_turn(place, &attempt).await?;
        let (identity, stored) = (self.clone(), record.password_hash.clone());
        let wrong = Wrong {
            act: origin.by_user(bearer, self.clock.now()),
            path: bearer.path.clone(),
            user: record.user.id,
        };
        let rest = async move {
            let (verdict, admitted) = identity.compare(turn, stored, typed).await?;
            if verdict.matches {
                identity.accept_password(admitted);
                return Ok(());
            }
            identity
                .store
                .unit("refuse_present_password", wrong, |unit, wrong| Box::pin(record_wrong(unit, wrong)))
                .await?;
            rpc::refusal_is_recorded();
            Err(Reason::CodeRefused.into())
        };
        // It has its effect and its event, whatever becomes of the call.
        rpc::spawn_in_call(rest).await.map_err(|cut_off| Fault::new(Reason::Internal).with_cause(cut_off))?
    }
}

async fn record_wrong(unit: &mut Unit<'_>, wrong: &Wrong) -> Outcome<Recorded<()>> {
    let Wrong { act, path, user } = wrong;
    let (step, refusal) = (Step::PresentPassword, Refusal::PasswordWrong);
    let draft = events::sign_in_refused(act, path, Some(*user), None, step, refusal);
    Ok(unit.record(draft.refused(Reason::CodeRefused.as_str())).with(()))
}
