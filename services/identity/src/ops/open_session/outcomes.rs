//! The three ends of an opening: a session, a sign-in that waits for a new password, a refusal. Each writes its rows and
//! says what is to be recorded.

use eventlog::Draft;
use fault::Outcome;
use keyring::digest::token_hash;
use store::Unit;
use types::SignInId;

use super::super::end_all::end_all;
use super::super::lock_user::Locked;
use super::super::set_password::password_changed;
use super::super::signed_in;
use super::{Drawn, Source};
use crate::domain::opened::OpenedSession;
use crate::domain::password::StoredHash;
use crate::domain::session::{EndCause, Session};
use crate::domain::sign_in::{NextStep, Refusal, SignIn, SignInState, Step};
use crate::domain::user::{User, UserRecord};
use crate::store::answers::{self, SignInAnswer};
use crate::store::sessions::Standing;
use crate::store::{events, refresh_tokens, sessions, sign_ins, user_changes, users};

/// How an opening ended.
pub(super) struct Ended {
    pub(super) draft: Draft,
    /// What the answer belongs to.
    pub(super) generation: i64,
    pub(super) answer: SignInAnswer,
}

/// Opens the session. With a new password everything else of the user's ends.
pub(super) async fn enter(
    unit: &mut Unit<'_>,
    drawn: &Drawn,
    locked: Locked,
    sign_in: Option<SignIn>,
    new_password: Option<&StoredHash>,
) -> Outcome<Ended> {
    let Locked { record: before, organization, floors: _ } = locked;
    let record = match new_password {
        Some(hash) => before.with_password(hash.clone(), drawn.now),
        None => before,
    };
    let session = new_session(drawn, &record.user, sign_in.as_ref());
    let act = drawn.opening.origin.by_user(&signed_in(&record.user, &organization.path, &session), drawn.now);
    if new_password.is_some() {
        user_changes::update(unit, &record).await?;
        let _ = password_changed(unit, &act, &record.user.facts(&organization.path), false);
        end_all(unit, &act, &organization.path, &record.user, None, EndCause::UserChanged).await?;
    }
    let UserRecord { user, .. } = record;
    sessions::insert(unit, &session).await?;
    refresh_tokens::insert(unit, &session, token_hash(&drawn.refresh_token), drawn.now).await?;
    let sign_in_id = leave_sign_in(unit, drawn, &user, sign_in.as_ref()).await?;
    let draft = events::sign_in_completed(&act, &organization.path, sign_in_id, &session);
    let standing = Standing { session, user, organization };
    let opened = OpenedSession {
        session_id: standing.session.id,
        access_token: drawn.pen.write(&standing)?,
        refresh_token: drawn.refresh_token.clone(),
    };
    let answer = answers::sign_in_completed(&opened, drawn.opening.recovery_codes_left);
    Ok(Ended { draft, generation: standing.session.basis.generation, answer })
}

fn new_session(drawn: &Drawn, user: &User, sign_in: Option<&SignIn>) -> Session {
    let (now, passage) = (drawn.now, &drawn.opening.passage);
    let expire_time = now + drawn.lifetimes.absolute;
    let auth_time = passage.auth_time().or_else(|| sign_in.map(|sign_in| sign_in.create_time));
    Session {
        organization_id: user.organization_id,
        id: drawn.session_id,
        user_id: user.id,
        create_time: now,
        auth_time: auth_time.unwrap_or(now),
        methods: passage.methods().clone(),
        mfa_time: passage.mfa_time(),
        basis: passage.basis().clone(),
        user_version: user.version,
        idle_expire_time: (now + drawn.lifetimes.idle).min(expire_time),
        expire_time,
        refresh_time: now,
        client: drawn.opening.origin.client.clone(),
        ended: None,
    }
}

/// Closes the sign-in behind the session; which one it was.
async fn leave_sign_in(
    unit: &Unit<'_>,
    drawn: &Drawn,
    user: &User,
    sign_in: Option<&SignIn>,
) -> Outcome<SignInId> {
    if let Some(sign_in) = sign_in {
        sign_ins::update(unit, sign_in, SignInState::Finished, sign_in.wrong_codes).await?;
    }
    match &drawn.opening.source {
        Source::SignIn { id, .. } | Source::NewPassword { id, .. } => Ok(*id),
        Source::Assertion { sign_in_id, .. } => Ok(*sign_in_id),
        Source::Password { sign_in_id, upgrade, .. } => {
            if let Some((old, new)) = upgrade {
                users::upgrade_password_hash(unit, user, old, new).await?;
            }
            Ok(*sign_in_id)
        }
    }
}

/// Leaves the sign-in waiting for a new password, with what was proved; begins one where the password was all.
pub(super) async fn await_password(
    unit: &Unit<'_>,
    drawn: &Drawn,
    locked: &Locked,
    sign_in: Option<SignIn>,
) -> Outcome<Ended> {
    let opening = &drawn.opening;
    let (basis, proved) = (opening.passage.basis().clone(), opening.passage.proved());
    let act = opening.origin.anonymous(drawn.now);
    let (path, user) = (&opening.path, locked.user());
    let generation = basis.generation;
    let draft = if let Some(sign_in) = sign_in {
        let waiting = sign_in.awaiting_password(basis, proved);
        sign_ins::await_password(unit, &waiting).await?;
        events::sign_in_continued(&act, path, user.id, waiting.id, waiting.next_step)
    } else {
        let id = match &opening.source {
            Source::Password { sign_in_id, .. } | Source::Assertion { sign_in_id, .. } => *sign_in_id,
            Source::SignIn { id, .. } | Source::NewPassword { id, .. } => *id,
        };
        let begun = SignIn {
            organization_id: user.organization_id,
            id,
            user_id: user.id,
            next_step: NextStep::ChangePassword,
            state: SignInState::Open,
            basis,
            user_version: user.version,
            wrong_codes: 0,
            create_time: drawn.now,
            expire_time: drawn.now + drawn.lifetimes.sign_in,
            client: opening.origin.client.clone(),
            proved: Some(proved),
        };
        sign_ins::insert(unit, &begun, token_hash(&drawn.sign_in_token)).await?;
        events::sign_in_started(&act, path, user.id, begun.id, begun.next_step)
    };
    Ok(Ended { draft, generation, answer: answers::password_awaited(opening.recovery_codes_left) })
}

/// Ends the sign-in, if it was open and at this step: one that has gone on meanwhile is another call's.
pub(super) async fn refuse(
    unit: &Unit<'_>,
    drawn: &Drawn,
    sign_in: Option<SignIn>,
    refusal: Refusal,
) -> Outcome<Ended> {
    let opening = &drawn.opening;
    let step = match &sign_in {
        None if matches!(opening.source, Source::Assertion { .. }) => Step::External,
        Some(sign_in) => {
            let is_at_step = opening.source.sign_in().is_some_and(|(_, step)| step == sign_in.next_step);
            if sign_in.state == SignInState::Open && is_at_step {
                sign_ins::update(unit, sign_in, SignInState::Dead, sign_in.wrong_codes).await?;
            }
            Step::Next(sign_in.next_step)
        }
        None => Step::Password,
    };
    let act = opening.origin.anonymous(drawn.now);
    let sign_in_id = sign_in.map(|sign_in| sign_in.id);
    let draft =
        events::sign_in_refused(&act, &opening.path, Some(opening.user_id), sign_in_id, step, refusal);
    let generation = opening.passage.basis().generation;
    Ok(Ended { draft, generation, answer: answers::sign_in_refused() })
}
