//! The first administrator, who enrols with a ticket and never with a password alone.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{
    AuthSource, DisplayName, Login, OrganizationId, OrganizationKind, OrganizationPath, Password, Role,
};
use wire::OrganizationFacts;

use super::create_user::{NewUser, check_login_and_password, first_version, taken};
use super::password_pool::Lane;
use super::to_the_end::to_the_end;
use super::{Identity, Origin};
use crate::domain::user::{Email, User, UserRecord};
use crate::peers::mfa::EnrollmentTicket;
use crate::store::{events, organizations, users};

const METHOD: &str = "/countersign.identity.v1.UserService/Bootstrap";

/// The command.
#[derive(Debug)]
pub struct Bootstrap {
    /// The provider.
    pub organization_id: OrganizationId,
    /// The login.
    pub login: Login,
    /// The name to show.
    pub display_name: DisplayName,
    /// Where mail reaches the administrator.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Where it comes from.
    pub origin: Origin,
}

/// The first administrator and their ticket.
#[derive(Debug)]
pub struct Bootstrapped {
    /// The administrator.
    pub user: User,
    /// What they enrol with.
    pub ticket: EnrollmentTicket,
}

struct Creation {
    user: UserRecord,
    organization: OrganizationFacts,
    origin: Origin,
    now: Timestamp,
}

impl Identity {
    /// Creates the first administrator on an empty system and has mfa issue the ticket. Asked again with the same login
    /// and password while that administrator has not enrolled, it issues a new ticket.
    ///
    /// # Errors
    /// ALREADY_BOOTSTRAPPED, REALM_NOT_OWNED, PASSWORD_NOT_ACCEPTABLE: each leaves an event in the provider's log. NOT_FOUND;
    /// OVERLOADED; DEPENDENCY_UNAVAILABLE: a retry completes what was begun.
    pub async fn bootstrap(&self, command: Bootstrap) -> Outcome<Bootstrapped> {
        let organization = self.tenant.resolve_organization(command.organization_id).await?;
        if organization.kind() != OrganizationKind::Provider {
            return Err(Reason::NotFound.into());
        }
        let (path, origin) = (organization.path.clone(), command.origin.clone());
        match self.bootstrap_provider(command, organization).await {
            Err(fault) if is_refusal(&fault) => Err(self.bootstrap_refused(origin, path, fault).await),
            outcome => outcome,
        }
    }

    async fn bootstrap_provider(
        &self,
        command: Bootstrap,
        organization: OrganizationFacts,
    ) -> Outcome<Bootstrapped> {
        let password = command.password.clone();
        let origin = command.origin.clone();
        let new = administrator(command);
        check_login_and_password(&new, &organization)?;
        let lane = Lane::Peer(origin.call.peer.clone());
        let user = match self.first_administrator(&new, &password, lane.clone()).await? {
            Some(user) => user,
            None => self.create_first(new, (password, lane), organization.clone(), origin).await?,
        };
        self.tokens.signer(&organization.path).await?;
        let ticket = self.mfa.issue_bootstrap_ticket(&user.facts(&organization.path)).await;
        let ticket = ticket.map_err(|fault| match fault.reason() {
            Reason::AlreadyBootstrapped => fault,
            _ => Fault::new(Reason::DependencyUnavailable).with_cause(fault),
        })?;
        Ok(Bootstrapped { user, ticket })
    }

    /// The administrator that an earlier call created, if this is a retry of it; none on an empty system.
    async fn first_administrator(
        &self,
        new: &NewUser,
        password: &Password,
        lane: Lane,
    ) -> Outcome<Option<User>> {
        let present = users::first_two(&self.store).await?;
        let Some((first, others)) = present.split_first() else { return Ok(None) };
        let is_theirs = others.is_empty()
            && first.user.login == new.login
            && first.user.organization_id == new.organization_id
            && first.user.role == Role::ProviderAdmin;
        if !is_theirs {
            return Err(Reason::AlreadyBootstrapped.into());
        }
        let verdict = self.passwords.verify(lane, first.password_hash.clone(), password.clone()).await?;
        if verdict.matches { Ok(Some(first.user.clone())) } else { Err(Reason::AlreadyBootstrapped.into()) }
    }

    /// Leaves the trace of a refusal in the provider's log, also when the caller has gone; what is to be answered.
    async fn bootstrap_refused(&self, origin: Origin, provider: OrganizationPath, fault: Fault) -> Fault {
        let act = origin.by_operator(self.clock.now());
        let (store, refused) = (self.store.clone(), (act, provider, fault.reason()));
        let record = to_the_end(async move {
            let unit = store.unit("bootstrap_refused", refused, |unit, (act, provider, reason)| {
                Box::pin(async move {
                    Ok(unit.record(events::call_refused(act, provider, METHOD, *reason)).with(()))
                })
            });
            unit.await
        });
        record.await.err().unwrap_or(fault)
    }

    async fn create_first(
        &self,
        new: NewUser,
        (password, lane): (Password, Lane),
        organization: OrganizationFacts,
        origin: Origin,
    ) -> Outcome<User> {
        let now = self.clock.now();
        let password_hash = Some(self.passwords.hash(lane, password).await?);
        let user = first_version(new, password_hash, now);
        let creation = Creation { user, organization, origin, now };
        self.store.unit("bootstrap", creation, |unit, creation| Box::pin(create(unit, creation))).await
    }
}

/// Whether it was decided that this is not to be. What could not be decided leaves no event: it is asked again.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        fault.reason(),
        Reason::AlreadyBootstrapped
            | Reason::RealmNotOwned
            | Reason::LoginTaken
            | Reason::PasswordNotAcceptable
    )
}

fn administrator(command: Bootstrap) -> NewUser {
    NewUser {
        organization_id: command.organization_id,
        login: command.login,
        display_name: command.display_name,
        email: command.email,
        role: Role::ProviderAdmin,
        auth_source: AuthSource::Local,
        password: Some(command.password),
        invite: false,
        external_subject: None,
        enforce_mfa: false,
    }
}

async fn create(unit: &mut Unit<'_>, creation: &Creation) -> Outcome<Recorded<User>> {
    users::lock_bootstrap(unit).await?;
    if users::any(unit).await? {
        return Err(Reason::AlreadyBootstrapped.into());
    }
    organizations::project(unit, &creation.organization).await?;
    users::insert(unit, &creation.user).await.map_err(taken)?;
    let act = creation.origin.by_operator(creation.now);
    let facts = creation.user.user.facts(&creation.organization.path);
    Ok(unit.record(events::user_created(&act, &facts, false)).with(creation.user.user.clone()))
}
