//! What happens next, by the dice.

use clock::Clock as _;
use proto::mfa::Target;
use proto::mfa::target::Target as Kind;
use time::Duration;
use types::{AuthSource, OrganizationId, OrganizationPath, Role};
use wire::{OrganizationState, UserState};

use super::super::super::fixture::{organization_created, user_created};
use super::super::{organization_changed, user_changed};
use super::{Batch, Call, FactorChange, World};
use crate::store::UserKey;

impl World {
    pub(super) fn draw(&mut self, batch: &mut Batch) {
        match self.dice.roll(100) {
            0..15 => self.create_user(batch),
            15..38 => self.change_user(batch),
            38..41 => self.tell_again(batch),
            41..46 => self.change_organization(batch),
            46..72 => self.change_factor(batch),
            _ => self.call(batch),
        }
    }

    fn path(&mut self) -> OrganizationPath {
        match self.dice.roll(12) {
            0 => self.tree.provider.clone(),
            1 | 2 => self.dice.one_of(&self.resellers),
            _ => {
                let id = self.dice.one_of(&self.companies);
                self.paths[&id].clone()
            }
        }
    }

    fn create_user(&mut self, batch: &mut Batch) {
        let path = self.path();
        let role = match path.ids().len() {
            1 => Role::ProviderAuditor,
            2 => Role::ResellerAuditor,
            _ => Role::CompanyUser,
        };
        let source = if self.dice.roll(8) == 0 { AuthSource::External } else { AuthSource::Local };
        let facts = self.fixture.peers.add_user(&path, role, source);
        self.users.push(facts.id);
        let event = user_created(&facts, self.dice.roll(6) == 0);
        self.told.push((false, event.clone()));
        batch.identity.push(event);
    }

    fn change_user(&mut self, batch: &mut Batch) {
        let (id, kind) = (self.dice.one_of(&self.users), self.dice.roll(20));
        let facts = self.fixture.peers.change_user(id, |user| match (user.state, kind) {
            (UserState::Deleted, _) => {}
            (_, 0..6) => user.state = UserState::Inactive,
            (_, 6..14) => user.state = UserState::Active,
            (_, 14..16) => user.auth_source = AuthSource::External,
            (_, 16..19) => user.auth_source = AuthSource::Local,
            _ => user.state = UserState::Deleted,
        });
        let event = user_changed(&facts);
        self.told.push((false, event.clone()));
        batch.identity.push(event);
    }

    fn tell_again(&mut self, batch: &mut Batch) {
        if let Some((of_tenant, event)) = (!self.told.is_empty()).then(|| self.dice.one_of(&self.told)) {
            if of_tenant { batch.tenant.push(event) } else { batch.identity.push(event) }
        }
    }

    fn change_organization(&mut self, batch: &mut Batch) {
        let peers = std::sync::Arc::clone(&self.fixture.peers);
        let event = match self.dice.roll(20) {
            0 => {
                let path = self.tree.provider.child(OrganizationId::generate()).unwrap();
                self.resellers.push(path.clone());
                self.paths.insert(path.organization_id(), path.clone());
                organization_created(&peers.add_organization(path, "Reseller"), self.dice.roll(3) == 0)
            }
            1..6 => {
                let path = self.dice.one_of(&self.resellers).child(OrganizationId::generate()).unwrap();
                self.companies.push(path.organization_id());
                self.paths.insert(path.organization_id(), path.clone());
                organization_created(&peers.add_organization(path, "Company"), self.dice.roll(3) == 0)
            }
            6..12 => {
                let id = self.dice.one_of(&self.companies);
                let path = self.dice.one_of(&self.resellers).child(id).unwrap();
                for user in peers.users_of(id) {
                    peers.move_user(user, &path);
                }
                self.paths.insert(id, path.clone());
                organization_changed(&peers.change_organization(id, |facts| facts.path = path))
            }
            12..14 if self.companies.len() > 3 => {
                let index = self.dice.roll(self.companies.len());
                let id = self.companies.swap_remove(index);
                for user in peers.users_of(id) {
                    self.users.retain(|other| *other != user);
                    if self.dice.roll(2) == 0 {
                        let facts = peers.change_user(user, |user| user.state = UserState::Deleted);
                        batch.identity.push(user_changed(&facts));
                    }
                }
                let deleted = OrganizationState::Deleted;
                organization_changed(&peers.change_organization(id, |facts| facts.state = deleted))
            }
            _ => {
                let id = self.path().organization_id();
                if id == self.tree.provider.organization_id() {
                    return;
                }
                let state = self.dice.one_of(&[OrganizationState::Active, OrganizationState::Inactive]);
                organization_changed(&peers.change_organization(id, |facts| facts.state = state))
            }
        };
        self.told.push((true, event.clone()));
        batch.tenant.push(event);
    }

    fn change_factor(&mut self, batch: &mut Batch) {
        let user = self.fixture.peers.user(self.dice.one_of(&self.users));
        let change = match self.dice.roll(10) {
            0..7 => FactorChange::Enroll,
            7 | 8 => FactorChange::Remove,
            _ => FactorChange::Lock,
        };
        if user.state == UserState::Active && user.auth_source == AuthSource::Local {
            batch.factors.push((UserKey::new(&user.path, user.id), change));
        }
    }

    fn call(&mut self, batch: &mut Batch) {
        let user = self.dice.one_of(&self.users);
        let target = match self.dice.roll(40) {
            0 => Kind::Provider(1 + i32::try_from(self.dice.roll(2)).unwrap()),
            1..4 => Kind::ResellerId(self.dice.one_of(&self.resellers).organization_id().to_string()),
            4..18 => Kind::CompanyId(self.dice.one_of(&self.companies).to_string()),
            _ => Kind::UserId(user.to_string()),
        };
        let is_high = matches!(target, Kind::Provider(_) | Kind::ResellerId(_));
        let target = Target { target: Some(target) };
        let days = i64::try_from(self.dice.roll(20)).unwrap();
        // High levels are lifted more often than they are set: else nothing below would ever matter.
        batch.calls.push(match self.dice.roll(if is_high { 20 } else { 12 }) {
            0..4 => Call::Enforce(target, None),
            4 | 5 => Call::Enforce(target, Some(self.fixture.clock.now() + Duration::days(days))),
            6 => Call::Reenable(target),
            7 => Call::Reset(user),
            kind => Call::Disable(target, kind.is_multiple_of(2)),
        });
    }
}
