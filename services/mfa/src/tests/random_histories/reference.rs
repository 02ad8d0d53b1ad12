//! What should be so, in the plainest way it can be kept.

use std::collections::BTreeMap;

use clock::Timestamp;
use proto::mfa::target::Target as Wire;
use types::{AuthSource, OrganizationId, OrganizationKind, OrganizationPath, Role, UserId};
use wire::UserFacts;

use super::Users;
use crate::tests::fixture::Tree;

/// Whether a level demands, from when, and whether with a ticket.
pub(super) type Level = (bool, Option<Timestamp>, bool);

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Enforce { days: Option<i64>, ticket: bool },
    Disable { keep: bool },
    Reenable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// 1: all resellers and companies, 2: the provider's own users, as on the wire.
    Scope(i32),
    Organization(OrganizationId, bool),
    User(UserId),
}

impl Target {
    pub(super) fn to_wire(self) -> proto::mfa::Target {
        let target = match self {
            Self::Scope(scope) => Wire::Provider(scope),
            Self::Organization(id, true) => Wire::CompanyId(id.to_string()),
            Self::Organization(id, false) => Wire::ResellerId(id.to_string()),
            Self::User(id) => Wire::UserId(id.to_string()),
        };
        proto::mfa::Target { target: Some(target) }
    }

    fn key(self) -> String {
        match self {
            Self::Scope(1) => "clients_and_resellers".to_owned(),
            Self::Scope(_) => "internal_users".to_owned(),
            Self::Organization(id, _) => id.to_string(),
            Self::User(id) => id.to_string(),
        }
    }
}

/// A user who is not deleted.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) home: OrganizationId,
    pub(super) role: Role,
    pub(super) external: bool,
    pub(super) has_factor: bool,
    pub(super) generation: i64,
    /// The last one issued that no reset, disable or enrolment has voided.
    pub(super) ticket: Option<String>,
}

impl Known {
    pub(super) fn enrol(&mut self) {
        (self.has_factor, self.ticket) = (true, None);
        self.generation += 1;
    }

    pub(super) fn switch(&mut self, to: AuthSource) {
        self.external = to == AuthSource::External;
        if self.external {
            self.destroy();
        }
    }

    fn destroy(&mut self) {
        (self.has_factor, self.ticket) = (false, None);
        self.generation += 1;
    }
}

pub(super) struct Reference {
    pub(super) organizations: BTreeMap<OrganizationId, OrganizationPath>,
    pub(super) users: Users,
    pub(super) levels: BTreeMap<String, Level>,
}

impl Reference {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut reference =
            Self { organizations: BTreeMap::new(), users: Users::new(), levels: BTreeMap::new() };
        for path in [&tree.provider, &tree.reseller, &tree.company, &tree.other_reseller, &tree.other_company]
        {
            reference.found(path.clone(), false);
        }
        for user in [
            &tree.provider_admin,
            &tree.reseller_admin,
            &tree.company_admin,
            &tree.company_user,
            &tree.other_reseller_admin,
        ] {
            reference.join(user, false);
        }
        reference
    }

    pub(super) fn found(&mut self, path: OrganizationPath, enforce: bool) {
        let id = path.organization_id();
        self.organizations.insert(id, path);
        if enforce {
            self.levels.insert(id.to_string(), (true, None, false));
        }
    }

    pub(super) fn join(&mut self, user: &UserFacts, enforce: bool) {
        let known = Known {
            home: user.organization_id(),
            role: user.role,
            external: false,
            has_factor: false,
            generation: 0,
            ticket: None,
        };
        self.users.insert(user.id, known);
        if enforce {
            self.levels.insert(user.id.to_string(), (true, None, false));
        }
    }

    /// The organisation is gone, and so are its users: who they were.
    pub(super) fn close(&mut self, id: OrganizationId) -> Vec<UserId> {
        self.organizations.remove(&id);
        let (of, others) = std::mem::take(&mut self.users).into_iter().partition(|(_, user)| user.home == id);
        self.users = others;
        let of: Users = of;
        of.into_keys().collect()
    }

    pub(super) fn leave(&mut self, user: UserId) {
        self.users.remove(&user);
    }

    pub(super) fn homes(&self) -> Vec<OrganizationPath> {
        self.organizations.values().cloned().collect()
    }

    pub(super) fn companies(&self) -> Vec<OrganizationId> {
        let companies =
            self.organizations.iter().filter(|(_, path)| path.kind() == OrganizationKind::Company);
        companies.map(|(id, _)| *id).collect()
    }

    pub(super) fn everybody(&self) -> Vec<UserId> {
        self.users.keys().copied().collect()
    }

    pub(super) fn others(&self, than: &UserFacts) -> Vec<UserId> {
        self.users.keys().copied().filter(|user| *user != than.id).collect()
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let organizations = self.organizations.iter().filter_map(|(id, path)| match path.kind() {
            OrganizationKind::Provider => None,
            OrganizationKind::Reseller => Some(Target::Organization(*id, false)),
            OrganizationKind::Company => Some(Target::Organization(*id, true)),
        });
        let users = self.users.keys().copied().map(Target::User);
        [Target::Scope(1), Target::Scope(2)].into_iter().chain(organizations).chain(users).collect()
    }

    /// The levels above a target and its own, highest first.
    fn lineage(&self, target: Target) -> Vec<String> {
        let organizations = |path: &OrganizationPath| {
            let below = path.ids().iter().skip(1).map(ToString::to_string);
            [Target::Scope(1).key()].into_iter().chain(below).collect::<Vec<_>>()
        };
        match target {
            Target::Scope(_) => vec![target.key()],
            Target::Organization(id, _) => organizations(&self.organizations[&id]),
            Target::User(id) => {
                let home = &self.organizations[&self.users[&id].home];
                let above = match home.kind() {
                    OrganizationKind::Provider => vec![Target::Scope(2).key()],
                    OrganizationKind::Reseller | OrganizationKind::Company => organizations(home),
                };
                above.into_iter().chain([target.key()]).collect()
            }
        }
    }

    /// The ten lines: enforced, announced from, only with a ticket.
    pub(super) fn effective(&self, user: UserId, now: Timestamp) -> (bool, Option<Timestamp>, bool) {
        let lineage = self.lineage(Target::User(user));
        let on = || lineage.iter().filter_map(|key| self.levels.get(key)).filter(|(on, ..)| *on);
        let enforced = on().any(|(_, from, _)| from.is_none_or(|from| from <= now));
        let announced = if enforced { None } else { on().filter_map(|(_, from, _)| *from).min() };
        (enforced, announced, on().any(|(.., ticket)| *ticket))
    }

    /// R2, for the actors that appear here: the provider's administrator and administrators of resellers.
    pub(super) fn may_change(&self, actor: &UserFacts, target: Target) -> bool {
        let by_provider = actor.role == Role::ProviderAdmin;
        let own_branch = |path: &OrganizationPath| path.ids().contains(&actor.organization_id());
        match target {
            Target::Scope(_) | Target::Organization(_, false) => by_provider,
            Target::Organization(id, true) => by_provider || own_branch(&self.organizations[&id]),
            Target::User(id) => {
                let user = &self.users[&id];
                // An equal may help an equal at the provider only; nobody helps themselves, and nobody the external.
                let outranked = by_provider || user.role != Role::ResellerAdmin;
                let reached = by_provider || own_branch(&self.organizations[&user.home]);
                id != actor.id && !user.external && outranked && reached
            }
        }
    }

    /// What becomes of a change; whether it is let through.
    pub(super) fn change(&mut self, target: Target, kind: Kind, now: Timestamp) -> bool {
        let is_due = |level: Option<&Level>| {
            level.is_some_and(|(on, from, _)| *on && from.is_none_or(|from| from <= now))
        };
        let lineage = self.lineage(target);
        let is_user = matches!(target, Target::User(_));
        let above = lineage.iter().filter(|key| **key != target.key());
        let locked = !is_user && above.clone().any(|key| is_due(self.levels.get(key)));
        let own = self.levels.get(&target.key()).copied();
        let ticket_of_old = own.is_some_and(|(.., ticket)| ticket);
        let new = match kind {
            Kind::Enforce { days: Some(1..), .. } if locked && is_due(own.as_ref()) => return false,
            Kind::Enforce { days, ticket } => {
                (true, days.filter(|days| *days > 0).map(|days| now + time::Duration::days(days)), ticket)
            }
            Kind::Disable { .. } if locked => return false,
            Kind::Disable { .. } => (false, None, ticket_of_old),
            Kind::Reenable if !matches!(own, Some((false, ..))) => return false,
            Kind::Reenable => (true, None, ticket_of_old),
        };
        // What is due already is so already, whatever its date was.
        let same = own.is_some_and(|own| {
            own == new || (own.0, own.2) == (new.0, new.2) && new.1.is_none() && is_due(Some(&own))
        });
        if let (Target::User(user), Kind::Disable { keep: false }) = (target, kind) {
            self.users.get_mut(&user).unwrap().destroy();
        }
        if !same {
            self.levels.insert(target.key(), new);
        }
        true
    }

    pub(super) fn reset(&mut self, user: UserId, ticket: String) {
        let level = self.levels.entry(user.to_string()).or_insert((true, None, false));
        (level.0, level.1) = (true, None);
        let known = self.users.get_mut(&user).unwrap();
        known.destroy();
        known.ticket = Some(ticket);
    }
}
