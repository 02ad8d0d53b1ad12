//! Beginning a sign-in whose second factor is awaited.

use clock::Timestamp;
use fault::{Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use types::{AuthSource, OrganizationPath, SignInId, Token};

use super::lock_user::{elsewhere, lock_user};
use super::{Identity, Origin, no_randomness};
use crate::domain::evaluation::Basis;
use crate::domain::gate::{self, Barred};
use crate::domain::password::StoredHash;
use crate::domain::sign_in::{NextStep, SignIn, SignInState, Step};
use crate::domain::user::User;
use crate::store::{events, sign_ins, users};

/// A right password, and what mfa asks for.
pub(super) struct Beginning {
    pub(super) origin: Origin,
    pub(super) user: User,
    /// Where the user is.
    pub(super) path: OrganizationPath,
    pub(super) step: NextStep,
    pub(super) basis: Basis,
    pub(super) upgrade: Option<(StoredHash, StoredHash)>,
}

struct Drawn {
    sign_in: SignIn,
    path: OrganizationPath,
    token: Token,
    origin: Origin,
    now: Timestamp,
    upgrade: Option<(StoredHash, StoredHash)>,
}

impl Identity {
    /// Stores the sign-in; its token, and when that dies.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded); GENERATION_OUTDATED when policy changed since it was evaluated; DEPENDENCY_UNAVAILABLE.
    pub(super) async fn begin_sign_in(&self, beginning: Beginning) -> Outcome<(Token, Timestamp)> {
        let Beginning { origin, user, path, step, basis, upgrade } = beginning;
        let now = self.clock.now();
        let token = Token::generate().map_err(no_randomness)?;
        let sign_in = SignIn {
            organization_id: user.organization_id,
            id: SignInId::generate(),
            user_id: user.id,
            next_step: step,
            state: SignInState::Open,
            basis,
            user_version: user.version,
            wrong_codes: 0,
            create_time: now,
            expire_time: now + self.lifetimes.sign_in,
            client: origin.client.clone(),
            proved: None,
        };
        let expire_time = sign_in.expire_time;
        let drawn = Drawn { sign_in, path, token: token.clone(), origin, now, upgrade };
        let begun =
            self.store.unit("begin_sign_in", drawn, |unit, drawn| Box::pin(begin(unit, drawn))).await?;
        if begun { Ok((token, expire_time)) } else { Err(Reason::SignInRefused.into()) }
    }
}

/// Whether the sign-in was begun.
async fn begin(unit: &mut Unit<'_>, drawn: &Drawn) -> Outcome<Recorded<bool>> {
    let sign_in = &drawn.sign_in;
    let locked = lock_user(unit, &drawn.path, sign_in.user_id).await?;
    let locked = locked.ok_or_else(elsewhere)?;
    let (user, path) = (locked.user(), &drawn.path);
    let act = drawn.origin.anonymous(drawn.now);
    match gate::admit(&locked.presence(), &sign_in.basis, sign_in.user_version, AuthSource::Local) {
        Ok(()) => {}
        Err(Barred::PolicyOutdated) => return Err(Reason::GenerationOutdated.into()),
        Err(Barred::Refused(refusal)) => {
            let draft = events::sign_in_refused(&act, path, Some(user.id), None, Step::Password, refusal);
            return Ok(unit.record(draft).with(false));
        }
    }
    sign_ins::insert(unit, sign_in, token_hash(&drawn.token)).await?;
    if let Some((old, new)) = &drawn.upgrade {
        users::upgrade_password_hash(unit, user, old, new).await?;
    }
    let draft = events::sign_in_started(&act, path, user.id, sign_in.id, sign_in.next_step);
    Ok(unit.record(draft).with(true))
}
