//! Opening a session: the only function in which one comes into being.

mod outcomes;

use clock::Timestamp;
use eventlog::request_record::sealed;
use fault::{Outcome, Reason};
use store::{Recorded, StoreError, Unit};
use types::{EventId, OrganizationPath, SessionId, SignInId, Token, UserId};

use super::access_tokens::Pen;
use super::answered_before::leave_if_answered;
use super::lock_user::{Locked, elsewhere, lock_user};
use super::{Identity, Origin, no_randomness};
use crate::domain::evaluation::Passage;
use crate::domain::gate::{self, Barred};
use crate::domain::password::StoredHash;
use crate::domain::session::Lifetimes;
use crate::domain::sign_in::{NextStep, Refusal, SignIn};
use crate::store::answers::SignInAnswer;
use crate::store::sign_ins;

/// What leads to the session.
pub(super) enum Source {
    /// The password step alone; the hash is replaced where today's parameters are higher.
    Password { sign_in_id: SignInId, user_version: i64, upgrade: Option<(StoredHash, StoredHash)> },
    /// A sign-in at this step, which was just done.
    SignIn { id: SignInId, step: NextStep },
    /// A sign-in that waited for nothing but a new password, and the hash of that.
    NewPassword { id: SignInId, hash: StoredHash },
    /// The assertion of an identity provider.
    Assertion { sign_in_id: SignInId, user_version: i64 },
}

impl Source {
    /// The sign-in under way, and the step it must be at.
    const fn sign_in(&self) -> Option<(SignInId, NextStep)> {
        match self {
            Self::Password { .. } | Self::Assertion { .. } => None,
            Self::SignIn { id, step } => Some((*id, *step)),
            Self::NewPassword { id, .. } => Some((*id, NextStep::ChangePassword)),
        }
    }
}

/// Everything a session is opened with, drawn before the unit.
pub(super) struct Opening {
    pub(super) origin: Origin,
    /// Where the user is.
    pub(super) path: OrganizationPath,
    pub(super) user_id: UserId,
    pub(super) source: Source,
    pub(super) passage: Passage,
    /// For the answer alone.
    pub(super) recovery_codes_left: i32,
    /// Under which the answer is kept.
    pub(super) key: Option<sealed::Key>,
}

/// What became of it.
pub(super) struct Opened {
    pub(super) answer: SignInAnswer,
    /// The token of the sign-in that waits for a new password, and when it dies: of use where there was none before.
    pub(super) sign_in: (Token, Timestamp),
    /// What has to be in force where a password was replaced; none where the answer was given before.
    pub(super) event: Option<EventId>,
}

struct Drawn {
    opening: Opening,
    now: Timestamp,
    session_id: SessionId,
    refresh_token: Token,
    sign_in_token: Token,
    pen: Pen,
    lifetimes: Lifetimes,
}

impl Identity {
    /// Opens a session on a passage, if the gate lets it through. Who must replace their password first gets none: the
    /// sign-in waits for that. Committed before it is answered.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded); GENERATION_OUTDATED when policy changed since the passage was decided and the password
    /// step has to be decided again; REQUEST_ID_REUSED; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn open_session(&self, opening: Opening) -> Outcome<Opened> {
        let organization = opening.path.organization_id();
        let pen = self.tokens.pen(&opening.path, &opening.origin.call.peer, &self.lifetimes).await?;
        let now = self.clock.now();
        let sign_in_token = Token::generate().map_err(no_randomness)?;
        let sign_in = (sign_in_token.clone(), now + self.lifetimes.sign_in);
        let drawn = Drawn {
            opening,
            now,
            session_id: SessionId::generate(),
            refresh_token: Token::generate().map_err(no_randomness)?,
            sign_in_token,
            pen,
            lifetimes: self.lifetimes,
        };
        let outcome = self.store.unit("open_session", drawn, |unit, drawn| Box::pin(open(unit, drawn))).await;
        let event = outcome.as_ref().ok().map(|(event, _)| *event);
        let answer = self.settled(organization, outcome).await?;
        Ok(Opened { answer, sign_in, event })
    }
}

async fn open(unit: &mut Unit<'_>, drawn: &Drawn) -> Outcome<Recorded<(EventId, SignInAnswer)>> {
    let opening = &drawn.opening;
    leave_if_answered(unit, opening.key.as_ref(), drawn.now).await?;
    // Gone, or in another organisation since: no verdict, and the next attempt finds out.
    let locked = lock_user(unit, &opening.path, opening.user_id).await?.ok_or_else(elsewhere)?;
    let sign_in = lock_sign_in(unit, opening).await?;
    let must_change_password =
        gate::must_change_password(locked.user(), opening.passage.methods().auth_source());
    let outcome = match (admit(drawn, &locked, sign_in.as_ref())?, &opening.source) {
        (Err(refusal), _) => outcomes::refuse(unit, drawn, sign_in, refusal).await?,
        (Ok(()), Source::NewPassword { hash, .. }) => {
            outcomes::enter(unit, drawn, locked, sign_in, Some(hash)).await?
        }
        (Ok(()), _) if must_change_password => {
            outcomes::await_password(unit, drawn, &locked, sign_in).await?
        }
        (Ok(()), _) => outcomes::enter(unit, drawn, locked, sign_in, None).await?,
    };
    let outcomes::Ended { draft, generation, answer } = outcome;
    let event = draft.event_id();
    let receipt = unit.record(draft);
    sealed::insert(unit, opening.key.as_ref(), event, generation, &answer, drawn.now).await?;
    Ok(receipt.with((event, answer)))
}

/// The gate's word.
///
/// # Errors
/// GENERATION_OUTDATED when the first step has to be decided again.
fn admit(drawn: &Drawn, locked: &Locked, sign_in: Option<&SignIn>) -> Outcome<Result<(), Refusal>> {
    let opening = &drawn.opening;
    let (presence, basis) = (locked.presence(), opening.passage.basis());
    match (&opening.source, opening.source.sign_in(), sign_in) {
        (_, Some((_, step)), Some(sign_in)) => {
            Ok(gate::admit_sign_in(&presence, sign_in, step, basis, drawn.now))
        }
        (Source::Password { user_version, .. } | Source::Assertion { user_version, .. }, _, _) => {
            let source = opening.passage.methods().auth_source();
            match gate::admit(&presence, basis, *user_version, source) {
                Ok(()) => Ok(Ok(())),
                Err(Barred::Refused(refusal)) => Ok(Err(refusal)),
                Err(Barred::PolicyOutdated) => Err(Reason::GenerationOutdated.into()),
            }
        }
        (Source::SignIn { .. } | Source::NewPassword { .. }, _, _) => Ok(Err(Refusal::Outdated)),
    }
}

async fn lock_sign_in(unit: &Unit<'_>, opening: &Opening) -> Result<Option<SignIn>, StoreError> {
    let Some((id, _)) = opening.source.sign_in() else { return Ok(None) };
    let sign_in = sign_ins::lock(unit, opening.path.organization_id(), id).await?;
    Ok(sign_in.filter(|sign_in| sign_in.user_id == opening.user_id))
}
