//! Creating a user.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, Key};
use fault::{Fault, Outcome, Reason};
use host::ClockGuard;
use keyring::digest::token_hash;
use store::{Recorded, StoreError, Unit};
use types::{AuthSource, DisplayName, EventId, Login, OrganizationId, Password, Role, UserId};
use wire::{OrganizationFacts, OrganizationState, UserState};

use super::administer::{denied, is_still_signed_in};
use super::issue_invitation::Invitation;
use super::password_pool::Lane;
use super::{Identity, Origin};
use crate::domain::authority;
use crate::domain::external::ExternalSubject;
use crate::domain::organization::Branch;
use crate::domain::password::{self, StoredHash};
use crate::domain::user::{Email, User, UserRecord};
use crate::store::answers::{self, UserCreated};
use crate::store::{events, invitations, organizations, reason_of, users};

/// A user to be.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Where.
    pub organization_id: OrganizationId,
    /// The login.
    pub login: Login,
    /// The name to show.
    pub display_name: DisplayName,
    /// Where mail reaches the user.
    pub email: Email,
    /// The role.
    pub role: Role,
    /// Who checks the password.
    pub auth_source: AuthSource,
    /// For local users; none for those who are invited to set their own.
    pub password: Option<Password>,
    /// Whether a local user without a password is invited to set one.
    pub invite: bool,
    /// For external users: who they are at the identity provider.
    pub external_subject: Option<ExternalSubject>,
    /// Whether MFA is enforced for this user from the start.
    pub enforce_mfa: bool,
}

/// The command.
#[derive(Debug)]
pub struct CreateUser {
    /// Who creates.
    pub caller: SignedIn,
    /// Who is created.
    pub new: NewUser,
    /// The caller's id of the command, with the fingerprint of what it asks for.
    pub key: Option<Key>,
    /// Where it comes from.
    pub origin: Origin,
}

struct Creation {
    caller: SignedIn,
    user: UserRecord,
    invitation: Option<Invitation>,
    enforce_mfa: bool,
    organization: OrganizationFacts,
    key: Option<Key>,
    origin: Origin,
    now: Timestamp,
    clock_guard: ClockGuard,
}

impl Identity {
    /// Creates a user. With `enforce_mfa` it is in force when this answers.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, NOT_FOUND, ROLE_NOT_ALLOWED, TARGET_OUTRANKS_ACTOR, ORGANIZATION_NOT_ACTIVE, REALM_NOT_OWNED,
    /// PASSWORD_NOT_ACCEPTABLE, USER_NOT_LOCAL, LOGIN_TAKEN, EXTERNAL_SUBJECT_TAKEN, CLOCK_NOT_TRUSTED, REQUEST_ID_REUSED,
    /// OVERLOADED; NOT_YET_IN_FORCE: the user exists, a retry waits again.
    pub async fn create_user(&self, command: CreateUser) -> Outcome<UserCreated> {
        let CreateUser { caller, new, key, origin } = command;
        let organization = self.organization_in_reach(&caller, new.organization_id).await?;
        check(&caller, &new, &organization)?;
        // A company may be active below a suspended reseller; what the copy does not know, the next sign-in finds out.
        if organizations::branch(&self.store, &organization.path).await? == Branch::Inactive {
            return Err(Reason::OrganizationNotActive.into());
        }
        let (now, enforce_mfa) = (self.clock.now(), new.enforce_mfa);
        // Before it costs a hash; the constraint decides. Nobody comes so far who may not know whose logins of this realm are
        // taken: they are the organisation's, and the caller administers it.
        let outcome = match users::find_by_login(&self.store, Some(&new.login), now).await?.user {
            Some(_) => self.created_before(key, now).await,
            None => self.create_new(caller, new, key, organization, origin, now).await,
        };
        let (event_id, answer) = request_record::answer(outcome)?;
        if enforce_mfa {
            self.dependents.await_in_force(event_id).await?;
        }
        Ok(answer)
    }

    /// Where the login is taken: the first answer, if it was this very request that took it.
    async fn created_before(&self, key: Option<Key>, now: Timestamp) -> Outcome<(EventId, UserCreated)> {
        let look = self.store.unit("create_user_again", (key, now), |unit, (key, now)| {
            Box::pin(async move {
                request_record::lookup(unit, key.as_ref(), *now).await?;
                Err(Reason::LoginTaken.into())
            })
        });
        look.await
    }

    async fn create_new(
        &self,
        caller: SignedIn,
        new: NewUser,
        key: Option<Key>,
        organization: OrganizationFacts,
        origin: Origin,
        now: Timestamp,
    ) -> Outcome<(EventId, UserCreated)> {
        let password_hash = match new.password.clone() {
            Some(password) => Some(self.passwords.hash(Lane::User(caller.user_id), password).await?),
            None => None,
        };
        let enforce_mfa = new.enforce_mfa;
        let invitation = if new.invite { Some(Invitation::generate(now)?) } else { None };
        let user = first_version(new, password_hash, now);
        let clock_guard = self.clock_guard.clone();
        let creation =
            Creation { caller, user, invitation, enforce_mfa, organization, key, origin, now, clock_guard };
        self.store.unit("create_user", creation, |unit, creation| Box::pin(create(unit, creation))).await
    }
}

/// What the caller may not ask for, on tenant's own data.
fn check(caller: &SignedIn, new: &NewUser, organization: &OrganizationFacts) -> Outcome<()> {
    if !authority::belongs(new.role, organization.kind()) {
        return Err(Fault::field("role", "does not belong into an organisation of this kind"));
    }
    authority::may_administer(caller.role, new.role).map_err(denied)?;
    if organization.state != OrganizationState::Active {
        return Err(Reason::OrganizationNotActive.into());
    }
    check_login_and_password(new, organization)
}

/// Realm, password and what goes with the authentication source.
pub(super) fn check_login_and_password(new: &NewUser, organization: &OrganizationFacts) -> Outcome<()> {
    // Logins of deleted users belong to nobody, even where somebody owns their realm.
    if new.login.is_nobodys() || !organization.realms.contains(new.login.realm()) {
        return Err(Reason::RealmNotOwned.into());
    }
    match new.auth_source {
        AuthSource::Local => check_local(new),
        AuthSource::External => check_external(new),
    }
}

fn check_local(new: &NewUser) -> Outcome<()> {
    if new.external_subject.is_some() {
        return Err(Fault::field("external_subject", "must be empty for a local user"));
    }
    match &new.password {
        Some(_) if new.invite => Err(Fault::field("invite", "is for users without a password")),
        Some(password) => check_password(password, &new.login),
        None if new.invite => Ok(()),
        None => Err(Fault::field("password", "is required for a local user who is not invited")),
    }
}

fn check_external(new: &NewUser) -> Outcome<()> {
    if new.enforce_mfa {
        return Err(Reason::UserNotLocal.into());
    }
    if new.password.is_some() {
        return Err(Fault::field("password", "must be empty for an external user"));
    }
    if new.invite {
        return Err(Fault::field("invite", "is for local users"));
    }
    if new.external_subject.is_none() {
        return Err(Fault::field("external_subject", "is required for an external user"));
    }
    Ok(())
}

/// Whether a password is accepted for a login.
///
/// # Errors
/// PASSWORD_NOT_ACCEPTABLE.
pub(super) fn check_password(password: &Password, login: &Login) -> Outcome<()> {
    password::check(password, login).map_err(|unacceptable| {
        Fault::new(Reason::PasswordNotAcceptable).with_field("password", unacceptable.to_string())
    })
}

/// The user as it is stored first. Draws the id.
pub(super) fn first_version(new: NewUser, password_hash: Option<StoredHash>, now: Timestamp) -> UserRecord {
    let user = User {
        organization_id: new.organization_id,
        id: UserId::generate(),
        login: new.login,
        display_name: new.display_name,
        email: new.email,
        role: new.role,
        auth_source: new.auth_source,
        state: UserState::Active,
        version: 1,
        revision: 1,
        generation_floor: 0,
        must_change_password: false,
        create_time: now,
        update_time: now,
    };
    UserRecord { user, password_hash, external_subject: new.external_subject, authority_event: None }
}

async fn create(unit: &mut Unit<'_>, creation: &Creation) -> Outcome<Recorded<(EventId, UserCreated)>> {
    let key = creation.key.as_ref();
    request_record::lookup(unit, key, creation.now).await?;
    // Not asked of a repetition: its policy is set already.
    if creation.enforce_mfa {
        creation.clock_guard.trusted()?;
    }
    organizations::project(unit, &creation.organization).await?;
    // Deleted or moved since tenant was asked: a user of what it was would stay behind.
    if !organizations::is_current(unit, &creation.organization).await? {
        return Err(Fault::new(Reason::DependencyUnavailable).with_cause("the organisation has changed"));
    }
    users::insert(unit, &creation.user).await.map_err(taken)?;
    is_still_signed_in(unit, &creation.caller).await?;
    let act = creation.origin.by_user(&creation.caller, creation.now);
    let facts = creation.user.user.facts(&creation.organization.path);
    let draft = events::user_created(&act, &facts, creation.enforce_mfa);
    let (event_id, mut answer) = (draft.event_id(), answers::user_created(&creation.user.user));
    let receipt = unit.record(draft);
    request_record::insert(unit, key, event_id, &answer, creation.now).await?;
    if let Some(Invitation { token, expire_time }) = &creation.invitation {
        let user = &creation.user.user;
        invitations::put(unit, user, token_hash(token), creation.now, *expire_time).await?;
        let _ = unit.record(events::invitation_issued(&act, &facts.path, user.id, *expire_time));
        // Only in this answer: what is kept for a retry does not hold it.
        answer = answers::with_invitation(answer, token, *expire_time);
    }
    Ok(receipt.with((event_id, answer)))
}

/// A violated constraint that has a reason of its own.
pub(super) fn taken(error: StoreError) -> Fault {
    reason_of(&error).map_or_else(|| Fault::from(error), Fault::from)
}
