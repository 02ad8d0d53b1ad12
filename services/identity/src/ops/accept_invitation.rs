//! An invited user sets their first password.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use types::{AuthSource, Login, OrganizationPath, Password, Token, TokenHash, UserId};

use super::create_user::check_password;
use super::lock_user::lock_user;
use super::password_pool::Lane;
use super::{Identity, Origin};
use crate::domain::gate;
use crate::domain::organization::Branch;
use crate::domain::password::StoredHash;
use crate::domain::refusal_counts::Cause;
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
        let Some(invitation) = invitation else { return Err(self.refuse_invitation()) };
        let token = token_hash(&invitation);
        let found = invitations::find(&self.store, token, self.clock.now()).await?;
        let Some((record, organization)) = found else { return Err(self.refuse_invitation()) };
        let user = &record.user;
        let organization = self.complete_organization(organization, user.organization_id).await?;
        may_accept(&record, organization.branch).map_err(|_| self.refuse_invitation())?;
        check_password(&password, &user.login)?;
        let acceptance = Acceptance {
            token,
            user_id: user.id,
            path: organization.path,
            hash: self.passwords.hash(Lane::User(user.id), password).await?,
            origin,
            now: self.clock.now(),
        };
        self.store
            .unit("accept_invitation", acceptance, |unit, acceptance| Box::pin(run(unit, acceptance)))
            .await
            .map_err(|fault| match fault.reason() {
                Reason::InvitationRefused => self.refuse_invitation(),
                _ => fault,
            })
    }

    /// Nobody is known to be behind it: it is counted, as unknown tokens are.
    fn refuse_invitation(&self) -> Fault {
        self.refusals.count(Cause::UnknownToken, self.clock.now());
        rpc::refusal_is_recorded();
        Reason::InvitationRefused.into()
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
