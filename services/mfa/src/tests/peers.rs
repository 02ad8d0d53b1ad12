//! A small tree behind the traits of `peers`: a provider, two resellers with companies, and their users.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use fault::{Outcome, Reason};
use types::{AuthSource, EventId, OrganizationId, OrganizationPath, Role, UserId};
use wire::{OrganizationFacts, OrganizationState, UserFacts, UserState};

use crate::peers::{ClockTrust, Identity, InForce, Tenant};

/// What tenant and identity would answer, and what mfa waited for.
#[derive(Default)]
pub(super) struct Peers {
    organizations: Mutex<HashMap<OrganizationId, OrganizationFacts>>,
    users: Mutex<HashMap<UserId, UserFacts>>,
    awaited: Mutex<Vec<EventId>>,
    is_behind: AtomicBool,
    is_away: AtomicBool,
    is_clock_wrong: AtomicBool,
}

impl Peers {
    pub(super) fn add_organization(&self, path: OrganizationPath, name: &str) -> OrganizationFacts {
        let facts = OrganizationFacts {
            path,
            name: name.parse().unwrap(),
            realms: Vec::new(),
            state: OrganizationState::Active,
            version: 1,
        };
        self.organizations.lock().unwrap().insert(facts.id(), facts.clone());
        facts
    }

    pub(super) fn add_user(&self, path: &OrganizationPath, role: Role, source: AuthSource) -> UserFacts {
        let id = UserId::generate();
        let facts = UserFacts {
            id,
            path: path.clone(),
            login: format!("u{}@example.com", id.uuid().simple()).parse().unwrap(),
            role,
            auth_source: source,
            state: UserState::Active,
            version: 1,
        };
        self.users.lock().unwrap().insert(id, facts.clone());
        facts
    }

    /// From now on identity is too slow to apply anything, or in time again.
    pub(super) fn set_behind(&self, behind: bool) {
        self.is_behind.store(behind, Ordering::SeqCst);
    }

    /// From now on tenant and identity do not answer, or do again.
    pub(super) fn set_away(&self, away: bool) {
        self.is_away.store(away, Ordering::SeqCst);
    }

    /// From now on nobody vouches for the clock, or somebody does again.
    pub(super) fn set_clock_wrong(&self, wrong: bool) {
        self.is_clock_wrong.store(wrong, Ordering::SeqCst);
    }

    /// An organisation changes at tenant; its facts from now on.
    pub(super) fn change_organization(
        &self,
        id: OrganizationId,
        change: impl FnOnce(&mut OrganizationFacts),
    ) -> OrganizationFacts {
        let mut organizations = self.organizations.lock().unwrap();
        let facts = organizations.get_mut(&id).unwrap();
        change(facts);
        facts.version += 1;
        facts.clone()
    }

    /// A user changes at identity; their facts from now on.
    pub(super) fn change_user(&self, id: UserId, change: impl FnOnce(&mut UserFacts)) -> UserFacts {
        let mut users = self.users.lock().unwrap();
        let facts = users.get_mut(&id).unwrap();
        change(facts);
        facts.version += 1;
        facts.clone()
    }

    /// identity has heard that a user's organisation moved. That makes no newer user.
    pub(super) fn move_user(&self, id: UserId, path: &OrganizationPath) {
        self.users.lock().unwrap().get_mut(&id).unwrap().path = path.clone();
    }

    /// A user as identity has them.
    pub(super) fn user(&self, id: UserId) -> UserFacts {
        self.users.lock().unwrap()[&id].clone()
    }

    /// The users of an organisation.
    pub(super) fn users_of(&self, id: OrganizationId) -> Vec<UserId> {
        let users = self.users.lock().unwrap();
        let mut of: Vec<UserId> =
            users.values().filter(|user| user.organization_id() == id).map(|user| user.id).collect();
        of.sort();
        of
    }

    /// The events that were waited for so far.
    pub(super) fn awaited(&self) -> Vec<EventId> {
        self.awaited.lock().unwrap().clone()
    }

    fn answer<T>(&self, found: Option<T>) -> Outcome<T> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(Reason::DependencyUnavailable.into());
        }
        found.ok_or_else(|| Reason::NotFound.into())
    }
}

#[async_trait]
impl Tenant for Peers {
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        self.answer(self.organizations.lock().unwrap().get(&id).cloned())
    }
}

#[async_trait]
impl Identity for Peers {
    async fn resolve_user(&self, id: UserId) -> Outcome<UserFacts> {
        self.answer(self.users.lock().unwrap().get(&id).cloned())
    }
}

impl ClockTrust for Peers {
    fn trusted(&self) -> Outcome<()> {
        if self.is_clock_wrong.load(Ordering::SeqCst) { Err(Reason::ClockNotTrusted.into()) } else { Ok(()) }
    }
}

#[async_trait]
impl InForce for Peers {
    async fn await_in_force(&self, event_id: EventId) -> Outcome<()> {
        self.awaited.lock().unwrap().push(event_id);
        if self.is_behind.load(Ordering::SeqCst) { Err(Reason::NotYetInForce.into()) } else { Ok(()) }
    }
}
