//! Whom a policy is for, and the levels above it.

use types::{OrganizationId, OrganizationKind, OrganizationPath, UserId};

/// The provider's two switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ProviderScope {
    /// All resellers and companies.
    ClientsAndResellers,
    /// The provider's own users.
    InternalUsers,
}

impl ProviderScope {
    /// The word in rows, events and policy versions.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientsAndResellers => "clients_and_resellers",
            Self::InternalUsers => "internal_users",
        }
    }
}

/// The level of a policy, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PolicyLevel {
    /// One of the provider's switches.
    Provider,
    /// A reseller.
    Reseller,
    /// A company.
    Company,
    /// A user.
    User,
}

impl PolicyLevel {
    /// The word in rows and events.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Reseller => "reseller",
            Self::Company => "company",
            Self::User => "user",
        }
    }
}

/// Whom a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// One of the provider's switches.
    Provider(ProviderScope),
    /// A reseller: its own users and all users of all its companies.
    Reseller(OrganizationId),
    /// A company: its users.
    Company(OrganizationId),
    /// One user.
    User(UserId),
}

impl Target {
    /// The name in rows, events and policy versions.
    #[must_use]
    pub(crate) fn key(self) -> String {
        match self {
            Self::Provider(scope) => scope.as_str().to_owned(),
            Self::Reseller(id) | Self::Company(id) => id.to_string(),
            Self::User(id) => id.to_string(),
        }
    }

    /// The level.
    #[must_use]
    pub(crate) const fn level(self) -> PolicyLevel {
        match self {
            Self::Provider(_) => PolicyLevel::Provider,
            Self::Reseller(_) => PolicyLevel::Reseller,
            Self::Company(_) => PolicyLevel::Company,
            Self::User(_) => PolicyLevel::User,
        }
    }
}

/// Where the policy of one level stands: the organisation it belongs to, and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The provider, reseller or company the level belongs to; for a user, the user's organisation.
    pub(crate) organization_id: OrganizationId,
    /// The target.
    pub(crate) target: Target,
}

/// The levels that bear on a target, highest first; the last is the target's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    above: Vec<Place>,
    own: Place,
}

impl Chain {
    /// The levels of a user of the organisation at `path`.
    #[must_use]
    pub(crate) fn of_user(path: &OrganizationPath, user: UserId) -> Self {
        let own = Place { organization_id: path.organization_id(), target: Target::User(user) };
        let above = match path.kind() {
            OrganizationKind::Provider => vec![scope(path, ProviderScope::InternalUsers)],
            OrganizationKind::Reseller | OrganizationKind::Company => organizations(path),
        };
        Self { above, own }
    }

    /// The levels of the organisation at `path`; for the provider, its switch for internal users.
    #[must_use]
    pub(crate) fn of_organization(path: &OrganizationPath) -> Self {
        let mut above = organizations(path);
        match above.pop() {
            Some(own) if path.kind() != OrganizationKind::Provider => Self { above, own },
            _ => Self::of_scope(path, ProviderScope::InternalUsers),
        }
    }

    /// One of the provider's switches: nothing is above it.
    #[must_use]
    pub(crate) fn of_scope(provider: &OrganizationPath, which: ProviderScope) -> Self {
        Self { above: Vec::new(), own: scope(provider, which) }
    }

    /// The target's own level.
    #[must_use]
    pub(crate) fn own(&self) -> Place {
        self.own
    }

    /// Every level, highest first.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.above.iter().copied().chain([self.own])
    }
}

fn scope(path: &OrganizationPath, which: ProviderScope) -> Place {
    Place { organization_id: path.provider_id(), target: Target::Provider(which) }
}

/// The levels of resellers and companies.
fn organizations(path: &OrganizationPath) -> Vec<Place> {
    let reseller = path.reseller_id().map(|id| Place { organization_id: id, target: Target::Reseller(id) });
    let company = path.company_id().map(|id| Place { organization_id: id, target: Target::Company(id) });
    [Some(scope(path, ProviderScope::ClientsAndResellers)), reseller, company].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_follows_the_tree() {
        let [provider, reseller, company] = [(); 3].map(|()| OrganizationId::generate());
        let user = UserId::generate();
        let root = OrganizationPath::root(provider);
        let middle = root.child(reseller).unwrap();
        let leaf = middle.child(company).unwrap();
        let keys = |chain: Chain| chain.places().map(|place| place.target.key()).collect::<Vec<_>>();
        let (r, c, u) = (reseller.to_string(), company.to_string(), user.to_string());
        let all = "clients_and_resellers".to_owned();
        assert_eq!(keys(Chain::of_user(&root, user)), ["internal_users".to_owned(), u.clone()]);
        assert_eq!(keys(Chain::of_user(&middle, user)), [all.clone(), r.clone(), u.clone()]);
        assert_eq!(keys(Chain::of_user(&leaf, user)), [all.clone(), r.clone(), c.clone(), u]);
        assert_eq!(keys(Chain::of_organization(&middle)), [all.clone(), r.clone()]);
        assert_eq!(keys(Chain::of_organization(&leaf)), [all.clone(), r, c]);
        assert_eq!(keys(Chain::of_scope(&leaf, ProviderScope::ClientsAndResellers)), [all]);
        assert_eq!(Chain::of_user(&leaf, user).own().organization_id, company);
        assert_eq!(Chain::of_user(&leaf, user).places().next().unwrap().organization_id, provider);
    }
}
