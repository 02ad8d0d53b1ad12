//! The places of the tree: which organisations there are, and how they stand to each other.

use access::TargetKind;
use types::{Level, Role};

/// The organisations. Callers are of the provider, the reseller and the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Place {
    Provider,
    Reseller,
    OtherReseller,
    Company,
    /// The reseller's other company.
    SiblingCompany,
    /// The other reseller's company.
    OtherCompany,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Provider,
        Self::Reseller,
        Self::OtherReseller,
        Self::Company,
        Self::SiblingCompany,
        Self::OtherCompany,
    ];

    /// Where callers of a role are.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        match role.level() {
            Level::Provider => Self::Provider,
            Level::Reseller => Self::Reseller,
            Level::Company => Self::Company,
        }
    }

    /// What stands directly above.
    #[must_use]
    pub const fn above(self) -> Option<Self> {
        match self {
            Self::Provider => None,
            Self::Reseller | Self::OtherReseller => Some(Self::Provider),
            Self::Company | Self::SiblingCompany => Some(Self::Reseller),
            Self::OtherCompany => Some(Self::OtherReseller),
        }
    }

    /// Whether this is `other` or below it.
    #[must_use]
    pub fn lies_in_branch_of(self, other: Self) -> bool {
        self == other || self.above().is_some_and(|above| above.lies_in_branch_of(other))
    }

    /// What it is as a target, and what its users are.
    #[must_use]
    pub const fn kinds(self) -> (TargetKind, TargetKind) {
        match self {
            Self::Provider => (TargetKind::Provider, TargetKind::UserOfProvider),
            Self::Reseller | Self::OtherReseller => (TargetKind::Reseller, TargetKind::UserOfReseller),
            Self::Company | Self::SiblingCompany | Self::OtherCompany => {
                (TargetKind::Company, TargetKind::UserOfCompany)
            }
        }
    }

    /// The roles that its users may have.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        let level = match self.kinds().0 {
            TargetKind::Provider => Level::Provider,
            TargetKind::Reseller => Level::Reseller,
            _ => Level::Company,
        };
        Role::ALL.iter().copied().filter(move |role| role.level() == level)
    }

    /// The realm of its logins.
    #[must_use]
    pub const fn realm(self) -> &'static str {
        match self {
            Self::Provider => "provider.example",
            Self::Reseller => "harbour.example",
            Self::OtherReseller => "lighthouse.example",
            Self::Company => "acme.example",
            Self::SiblingCompany => "bolt.example",
            Self::OtherCompany => "crane.example",
        }
    }
}
