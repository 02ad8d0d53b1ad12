//! Giving a lost answer again: what was answered under a `request_id` is kept for ten minutes, sealed under the keyring and
//! under the token that the call came with.
//!
//! A kept session is given again only while it lives and mfa would still let it be refreshed: never across a generation,
//! never after it ended. What may not be given again is treated like a call that comes too late.

use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use fault::{Fault, Outcome, Reason};
use store::Unit;
use types::{AttemptId, EventId, OrganizationId, RequestId, SessionId};
use uuid::{Builder, Uuid};

use super::Identity;
use super::find_sign_in::Found;
use crate::domain::evaluation::Evaluation;
use crate::domain::floors::Floors;
use crate::domain::opened::FinishedSignIn;
use crate::domain::refresh::{self, Decision, Situation};
use crate::domain::session::TokenState;
use crate::domain::sign_in::NextStep;
use crate::store::answers::{self, SignInAnswer};
use crate::store::kept_answers;
use crate::store::sessions::{self, Standing};

/// The purpose under which attempts are named.
const ATTEMPT: &str = "identity.attempt";

impl Identity {
    /// The id of an attempt at a code: of one with a request id always the same, so that mfa, too, gives its first verdict
    /// again; nobody without our keys finds the code by trying.
    pub(super) fn attempt_id(&self, scope: Uuid, request_id: Option<RequestId>, code: &str) -> AttemptId {
        let Some(request_id) = request_id else { return AttemptId::generate() };
        let named = [scope.as_bytes().as_slice(), request_id.uuid().as_bytes(), code.as_bytes()].concat();
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] =
            self.keyring.lasting_mac(ATTEMPT, &named).mac;
        let bytes = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
        AttemptId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The first answer to a call that finishes a sign-in, where there is one that may be given again.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED where that was the answer; REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn sign_in_answered(
        &self,
        found: &Found,
        key: Option<&sealed::Key>,
    ) -> Outcome<Option<SignInAnswer>> {
        let Some(answer) = kept_answers::find::<SignInAnswer>(&self.store, key, self.clock.now()).await?
        else {
            return Ok(None);
        };
        let may_be_given = match answers::read_sign_in(&answer)? {
            FinishedSignIn::Complete(opened) => {
                self.may_give(found.sign_in.organization_id, opened.session_id).await?
            }
            FinishedSignIn::ChangePassword => {
                found.is_as_it_was() && found.sign_in.can_take(NextStep::ChangePassword, self.clock.now())
            }
        };
        Ok(may_be_given.then_some(answer))
    }

    /// The answer of a unit that finishes a sign-in, or the first one where a call of the same request was faster.
    ///
    /// # Errors
    /// The unit's; SIGN_IN_REFUSED.
    pub(super) async fn settled(
        &self,
        organization: OrganizationId,
        outcome: Outcome<(EventId, SignInAnswer)>,
    ) -> Outcome<SignInAnswer> {
        let is_first = outcome.is_ok();
        let (_, answer) = request_record::answer(outcome)?;
        match answers::read_sign_in(&answer)? {
            FinishedSignIn::Complete(opened) if !is_first => {
                let may_be_given = self.may_give(organization, opened.session_id).await?;
                if may_be_given { Ok(answer) } else { Err(Reason::SignInRefused.into()) }
            }
            FinishedSignIn::Complete(_) | FinishedSignIn::ChangePassword => Ok(answer),
        }
    }

    /// Whether a session of an earlier answer may be given again: mfa is asked as at a refresh.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn may_give(&self, organization: OrganizationId, session: SessionId) -> Outcome<bool> {
        let Some(standing) = sessions::find(&self.store, organization, session).await? else {
            return Ok(false);
        };
        let floors = Floors { generation: standing.user.generation_floor, ..Floors::default() };
        let situation = Situation {
            session: &standing.session,
            token: TokenState::Current,
            user: &standing.user,
            branch: standing.organization.branch,
            floors: &floors,
            now: self.clock.now(),
        };
        if refresh::at_first_sight(&situation).is_some() {
            return Ok(false);
        }
        let evaluation = self.evaluate(&standing).await?;
        Ok(refresh::decide(&situation, &evaluation) == Decision::Rotate)
    }

    /// What mfa says about the user of a session.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub(super) async fn evaluate(&self, standing: &Standing) -> Outcome<Evaluation> {
        let facts = standing.user.facts(&standing.organization.path);
        let evaluation = self.mfa.evaluate_sign_in(&facts).await;
        evaluation.map_err(|fault| Fault::new(Reason::DependencyUnavailable).with_cause(fault))
    }
}

/// Leaves a unit with the first answer under its key, where there is one. Whether that may be given again is asked after the
/// unit. Call it first: calls of one key wait for each other here.
///
/// # Errors
/// A fault for `request_record::answer`; REQUEST_ID_REUSED, CORRUPT; the database's.
pub(super) async fn leave_if_answered(
    unit: &Unit<'_>,
    key: Option<&sealed::Key>,
    now: Timestamp,
) -> Outcome<()> {
    let Some(kept) = sealed::find(unit, key, now).await? else { return Ok(()) };
    let generation = kept.generation();
    sealed::replay(Some(kept), generation)
}
