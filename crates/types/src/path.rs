//! Where an organisation stands in the tree.

use uuid::Uuid;

use crate::{OrganizationId, OrganizationKind};

/// The organisations from the provider down to this one: one, two or three ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrganizationPath(Vec<OrganizationId>);

/// A path is one to three distinct ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a path of one to three organisations")]
pub struct InvalidPath;

impl OrganizationPath {
    /// The provider's own path.
    #[must_use]
    pub fn root(provider: OrganizationId) -> Self {
        Self(vec![provider])
    }

    /// The path of an organisation below this one.
    ///
    /// # Errors
    /// A company has nothing below it.
    pub fn child(&self, id: OrganizationId) -> Result<Self, InvalidPath> {
        let mut ids = self.0.clone();
        ids.push(id);
        Self::new(ids)
    }

    /// A path of ids, provider first.
    ///
    /// # Errors
    /// None, more than three, or one twice.
    pub fn new(ids: Vec<OrganizationId>) -> Result<Self, InvalidPath> {
        let distinct =
            ids.iter().enumerate().all(|(index, id)| ids.iter().skip(index + 1).all(|other| other != id));
        if (1..=3).contains(&ids.len()) && distinct { Ok(Self(ids)) } else { Err(InvalidPath) }
    }

    /// A path of UUIDs as a database row holds it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_uuids(uuids: &[Uuid]) -> Result<Self, InvalidPath> {
        Self::new(uuids.iter().copied().map(OrganizationId::from_uuid).collect())
    }

    /// The ids, provider first.
    #[must_use]
    pub fn ids(&self) -> &[OrganizationId] {
        &self.0
    }

    /// The ids as a database row holds them.
    #[must_use]
    pub fn uuids(&self) -> Vec<Uuid> {
        self.0.iter().map(|id| id.uuid()).collect()
    }

    /// The organisation this path leads to.
    #[must_use]
    pub fn organization_id(&self) -> OrganizationId {
        // A path is never empty: the constructor sees to it. The nil id matches nothing.
        self.0.last().copied().unwrap_or(OrganizationId::from_uuid(Uuid::nil()))
    }

    /// The provider.
    #[must_use]
    pub fn provider_id(&self) -> OrganizationId {
        self.0.first().copied().unwrap_or(OrganizationId::from_uuid(Uuid::nil()))
    }

    /// The reseller, below the provider.
    #[must_use]
    pub fn reseller_id(&self) -> Option<OrganizationId> {
        self.0.get(1).copied()
    }

    /// The company, below a reseller.
    #[must_use]
    pub fn company_id(&self) -> Option<OrganizationId> {
        self.0.get(2).copied()
    }

    /// What the organisation is, by its depth.
    #[must_use]
    pub fn kind(&self) -> OrganizationKind {
        match self.0.len() {
            1 => OrganizationKind::Provider,
            2 => OrganizationKind::Reseller,
            _ => OrganizationKind::Company,
        }
    }

    /// Whether `organization` is this organisation or above it: whether this path lies in its branch.
    #[must_use]
    pub fn lies_in_branch_of(&self, organization: OrganizationId) -> bool {
        self.0.contains(&organization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_levels_and_branches() {
        let [provider, reseller, company] = [(); 3].map(|()| OrganizationId::generate());
        let path = OrganizationPath::root(provider).child(reseller).unwrap().child(company).unwrap();
        assert_eq!(path.kind(), OrganizationKind::Company);
        assert_eq!(path.reseller_id(), Some(reseller));
        assert!(path.lies_in_branch_of(reseller));
        assert!(!path.lies_in_branch_of(OrganizationId::generate()));
        assert_eq!(path.child(OrganizationId::generate()), Err(InvalidPath));
        assert_eq!(OrganizationPath::new(vec![provider, provider]), Err(InvalidPath));
    }
}
