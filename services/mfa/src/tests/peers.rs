//! A small tree behind the traits of `peers`: a provider, two resellers with companies, and their users.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use fault::{Outcome, Reason};
use types::{AuthSource, EventId, OrganizationId, OrganizationPath, Role, UserId};
use wire::{OrganizationFacts, OrganizationState, UserFacts, UserState};

use crate::peers::{Identity, InForce, Tenant};

/// What tenant and identity would answer, and what mfa waited for.
#[derive(Default)]
pub(super) struct Peers {
    organizations: Mutex<HashMap<OrganizationId, OrganizationFacts>>,
    users: Mutex<HashMap<UserId, UserFacts>>,
    awaited: Mutex<Vec<EventId>>,
    is_behind: AtomicBool,
    is_away: AtomicBool,
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

#[async_trait]
impl InForce for Peers {
    async fn await_in_force(&self, event_id: EventId) -> Outcome<()> {
        self.awaited.lock().unwrap().push(event_id);
        if self.is_behind.load(Ordering::SeqCst) { Err(Reason::NotYetInForce.into()) } else { Ok(()) }
    }
}
