//! An invited user sets their first password.

use clock::Timestamp;
use fault::{Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use types::{AuthSource, Login, OrganizationPath, Password, Token, TokenHash, UserId};

use super::create_user::check_password;
use super::lock_user::lock_user;
use super::{Identity, Origin};
use crate::domain::gate;
use crate::domain::organization::Branch;
use crate::domain::password::StoredHash;
use crate::domain::user::UserRecord;
use crate::store::{events, invitations, user_changes};

/// The command.
#[derive(Debug)]
pub struct AcceptInvitation {
    /// None when the text can be no token of ours.
    pub invitation: Option<Token>,
    /// The password as chosen.
    pub password: Password,
    /// Where it comes from.
    pub origin: Origin,
}

struct Acceptance {
    token: TokenHash,
    user_id: UserId,
    path: OrganizationPath,
    hash: StoredHash,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Spends an invitation; the login to sign in with. It opens no session.
    ///
    /// # Errors
    /// INVITATION_REFUSED, whatever was wrong with it; PASSWORD_NOT_ACCEPTABLE, and the invitation is still good;
    /// OVERLOADED; DEPENDENCY_UNAVAILABLE.
    pub async fn accept_invitation(&self, command: AcceptInvitation) -> Outcome<Login> {
        let AcceptInvitation { invitation, password, origin } = command;
        let token = token_hash(&invitation.ok_or(Reason::InvitationRefused)?);
        let found = invitations::find(&self.store, token, self.clock.now()).await?;
        let (record, organization) = found.ok_or(Reason::InvitationRefused)?;
        let user = &record.user;
        let organization = self.complete_organization(organization, user.organization_id).await?;
        may_accept(&record, organization.branch)?;
        check_password(&password, &user.login)?;
        let acceptance = Acceptance {
            token,
            user_id: user.id,
            path: organization.path,
            hash: self.passwords.hash(password).await?,
            origin,
            now: self.clock.now(),
        };
        self.store
            .unit("accept_invitation", acceptance, |unit, acceptance| Box::pin(run(unit, acceptance)))
            .await
    }
}

async fn run(unit: &mut Unit<'_>, acceptance: &Acceptance) -> Outcome<Recorded<Login>> {
    let Acceptance { token, user_id, path, hash, origin, now } = acceptance;
    let locked = lock_user(unit, path, *user_id).await?.ok_or(Reason::InvitationRefused)?;
    may_accept(&locked.record, locked.organization.branch)?;
    if !invitations::spend(unit, locked.user(), *token, *now).await? {
        return Err(Reason::InvitationRefused.into());
    }
    let after = locked.record.with_password(hash.clone(), *now);
    user_changes::update(unit, &after).await?;
    let act = origin.anonymous(*now);
    let receipt = unit.record(events::invitation_accepted(&act, &after.user.facts(path)));
    Ok(receipt.with(after.user.login))
}

/// # Errors
/// INVITATION_REFUSED.
fn may_accept(record: &UserRecord, branch: Branch) -> Outcome<()> {
    let may =
        gate::standing(&record.user, branch, AuthSource::Local).is_ok() && record.password_hash.is_none();
    if may { Ok(()) } else { Err(Reason::InvitationRefused.into()) }
}
