//! Opening a session: the only function in which one comes into being.

use clock::Timestamp;
use fault::{Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, StoreError, Unit};
use types::{OrganizationPath, SessionId, SignInId, Token, UserId};

use super::lock_user::{Locked, lock_user};
use super::{AccessToken, Identity, Origin, no_randomness, signed_in};
use crate::domain::evaluation::Passage;
use crate::domain::gate::{self, Barred};
use crate::domain::password::StoredHash;
use crate::domain::session::{Lifetimes, Session};
use crate::domain::sign_in::{Refusal, SignIn, SignInState, Step};
use crate::store::sessions::Standing;
use crate::store::{events, sessions, sign_ins, users};

/// A session as it is handed to the client.
#[derive(Debug)]
pub struct OpenedSession {
    /// The session's id.
    pub session_id: SessionId,
    /// Its first access token.
    pub access_token: AccessToken,
    /// Single use.
    pub refresh_token: Token,
}

/// What leads to the session.
pub(super) enum Source {
    /// The password step alone; the hash is replaced where today's parameters are higher.
    Password { sign_in_id: SignInId, user_version: i64, upgrade: Option<(StoredHash, StoredHash)> },
    /// A sign-in whose last step was just done.
    SignIn(SignInId),
    /// The assertion of an identity provider.
    Assertion { sign_in_id: SignInId, user_version: i64 },
}

/// Everything a session is opened with, drawn before the unit.
pub(super) struct Opening {
    pub(super) origin: Origin,
    /// Where the user is.
    pub(super) path: OrganizationPath,
    pub(super) user_id: UserId,
    pub(super) source: Source,
    pub(super) passage: Passage,
}

struct Drawn {
    opening: Opening,
    now: Timestamp,
    session_id: SessionId,
    refresh_token: Token,
    lifetimes: Lifetimes,
}

impl Identity {
    /// Opens a session on a passage, if the gate lets it through. Committed before it is answered.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded); GENERATION_OUTDATED when policy changed since the passage was decided and the password
    /// step has to be decided again; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn open_session(&self, opening: Opening) -> Outcome<OpenedSession> {
        let peer = opening.origin.call.peer.clone();
        let refresh_token = Token::generate().map_err(no_randomness)?;
        let drawn = Drawn {
            opening,
            now: self.clock.now(),
            session_id: SessionId::generate(),
            refresh_token: refresh_token.clone(),
            lifetimes: self.lifetimes,
        };
        // None when it was refused.
        let opened: Option<Standing> =
            self.store.unit("open_session", drawn, |unit, drawn| Box::pin(open(unit, drawn))).await?;
        let opened = opened.ok_or(Reason::SignInRefused)?;
        let access_token = self.tokens.issue(&opened, &peer, &self.lifetimes).await?;
        Ok(OpenedSession { session_id: opened.session.id, access_token, refresh_token })
    }
}

async fn open(unit: &mut Unit<'_>, drawn: &Drawn) -> Outcome<Recorded<Option<Standing>>> {
    let opening = &drawn.opening;
    // Gone, or in another organisation since: there is nobody to record anything about.
    let locked = lock_user(unit, &opening.path, opening.user_id).await?.ok_or(Reason::SignInRefused)?;
    let sign_in = lock_sign_in(unit, opening).await?;
    let (presence, basis) = (locked.presence(), opening.passage.basis());
    let admitted = match (&opening.source, &sign_in) {
        (_, Some(sign_in)) => gate::admit_sign_in(&presence, sign_in, basis, drawn.now),
        (Source::Password { user_version, .. } | Source::Assertion { user_version, .. }, None) => {
            let source = opening.passage.methods().auth_source();
            match gate::admit(&presence, basis, *user_version, source) {
                Ok(()) => Ok(()),
                Err(Barred::Refused(refusal)) => Err(refusal),
                Err(Barred::PolicyOutdated) => return Err(Reason::GenerationOutdated.into()),
            }
        }
        (Source::SignIn(_), None) => Err(Refusal::Outdated),
    };
    match admitted {
        Ok(()) => enter(unit, drawn, locked, sign_in).await,
        Err(refusal) => refuse(unit, drawn, sign_in.as_ref(), refusal).await,
    }
}

async fn lock_sign_in(unit: &Unit<'_>, opening: &Opening) -> Result<Option<SignIn>, StoreError> {
    match &opening.source {
        Source::Password { .. } | Source::Assertion { .. } => Ok(None),
        Source::SignIn(id) => {
            let sign_in = sign_ins::lock(unit, opening.path.organization_id(), *id).await?;
            Ok(sign_in.filter(|sign_in| sign_in.user_id == opening.user_id))
        }
    }
}

async fn enter(
    unit: &mut Unit<'_>,
    drawn: &Drawn,
    locked: Locked,
    sign_in: Option<SignIn>,
) -> Outcome<Recorded<Option<Standing>>> {
    let Locked { record, organization, floors: _ } = locked;
    let user = record.user;
    let (opening, now) = (&drawn.opening, drawn.now);
    let expire_time = now + drawn.lifetimes.absolute;
    let passage = &opening.passage;
    let auth_time = passage.auth_time().or_else(|| sign_in.as_ref().map(|sign_in| sign_in.create_time));
    let session = Session {
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
        ended: None,
    };
    sessions::insert(unit, &session).await?;
    sessions::insert_token(unit, &session, token_hash(&drawn.refresh_token), now).await?;
    let sign_in_id = match (&opening.source, &sign_in) {
        (Source::SignIn(id), sign_in) => {
            if let Some(sign_in) = sign_in {
                sign_ins::update(unit, sign_in, SignInState::Finished, sign_in.wrong_codes).await?;
            }
            *id
        }
        (Source::Password { sign_in_id, upgrade, .. }, _) => {
            if let Some((old, new)) = upgrade {
                users::upgrade_password_hash(unit, &user, old, new).await?;
            }
            *sign_in_id
        }
        (Source::Assertion { sign_in_id, .. }, _) => *sign_in_id,
    };
    let actor = signed_in(&user, &organization.path, &session);
    let act = opening.origin.by_user(&actor, now);
    let receipt = unit.record(events::sign_in_completed(&act, &organization.path, sign_in_id, &session));
    Ok(receipt.with(Some(Standing { session, user, organization })))
}

async fn refuse(
    unit: &mut Unit<'_>,
    drawn: &Drawn,
    sign_in: Option<&SignIn>,
    refusal: Refusal,
) -> Outcome<Recorded<Option<Standing>>> {
    let step = match sign_in {
        None if matches!(drawn.opening.source, Source::Assertion { .. }) => Step::External,
        Some(sign_in) => {
            if sign_in.state == SignInState::Open {
                sign_ins::update(unit, sign_in, SignInState::Dead, sign_in.wrong_codes).await?;
            }
            Step::Next(sign_in.next_step)
        }
        None => Step::Password,
    };
    let act = drawn.opening.origin.anonymous(drawn.now);
    let draft = events::sign_in_refused(
        &act,
        &drawn.opening.path,
        Some(drawn.opening.user_id),
        sign_in.map(|sign_in| sign_in.id),
        step,
        refusal,
    );
    Ok(unit.record(draft).with(None))
}
