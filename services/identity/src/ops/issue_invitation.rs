//! Inviting a user to set their first password.

use access::SignedIn;
use clock::Timestamp;
use fault::{Outcome, Reason};
use keyring::digest::token_hash;
use store::{Recorded, Unit};
use time::Duration;
use types::{Token, UserId};

use super::administer::{Target, lock_target};
use super::set_password::must_be_local;
use super::{Identity, Origin, no_randomness};
use crate::domain::user::UserRecord;
use crate::store::{events, invitations};

/// How long an invitation may be used: over a weekend.
pub(super) const LIFETIME: Duration = Duration::hours(72);

/// The command.
#[derive(Debug)]
pub struct IssueInvitation {
    /// Who invites.
    pub caller: SignedIn,
    /// Whom.
    pub user_id: UserId,
    /// Where it comes from.
    pub origin: Origin,
}

/// A one-time invitation, shown once.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// What the user sets their password with.
    pub token: Token,
    /// When it dies.
    pub expire_time: Timestamp,
}

impl Invitation {
    /// A new one.
    ///
    /// # Errors
    /// INTERNAL when the operating system gives no randomness.
    pub(super) fn generate(now: Timestamp) -> Outcome<Self> {
        Ok(Self { token: Token::generate().map_err(no_randomness)?, expire_time: now + LIFETIME })
    }
}

struct Issue {
    caller: SignedIn,
    target: Target,
    invitation: Invitation,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Issues an invitation to a local user without a password; the earlier one is dead.
    ///
    /// # Errors
    /// NOT_FOUND, SELF_ADMINISTRATION, ROLE_NOT_ALLOWED, TARGET_OUTRANKS_ACTOR, USER_NOT_LOCAL, PASSWORD_EXISTS;
    /// DEPENDENCY_UNAVAILABLE.
    pub async fn issue_invitation(&self, command: IssueInvitation) -> Outcome<Invitation> {
        let IssueInvitation { caller, user_id, origin } = command;
        let target = self.find_target(&caller, user_id).await?.present()?;
        let now = self.clock.now();
        let invitation = Invitation::generate(now)?;
        let issue = Issue { caller, target, invitation: invitation.clone(), origin, now };
        self.store.unit("issue_invitation", issue, |unit, issue| Box::pin(run(unit, issue))).await?;
        Ok(invitation)
    }
}

async fn run(unit: &mut Unit<'_>, issue: &Issue) -> Outcome<Recorded<()>> {
    let Issue { caller, target, invitation, origin, now } = issue;
    let record = lock_target(unit, caller, target).await?;
    may_be_invited(&record)?;
    let user = &record.user;
    let expire_time = invitation.expire_time;
    invitations::put(unit, user, token_hash(&invitation.token), *now, expire_time).await?;
    let act = origin.by_user(caller, *now);
    Ok(unit.record(events::invitation_issued(&act, &target.path, user.id, expire_time)).with(()))
}

/// # Errors
/// USER_NOT_LOCAL, PASSWORD_EXISTS.
fn may_be_invited(record: &UserRecord) -> Outcome<()> {
    must_be_local(record)?;
    if record.password_hash.is_some() { Err(Reason::PasswordExists.into()) } else { Ok(()) }
}
