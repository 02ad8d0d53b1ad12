//! Whom or what a call may be about, seen from its caller: the relation in the tree, and rank.
//!
//! Services decide this on the target as its owner describes it now; here it is said, for people and for the test that
//! walks every cell and so keeps it true (`tests/tests/access_matrix.rs`). Nothing is enforced by this module.

use types::Role;

pub(crate) mod relations;

/// The relation between a caller and the target of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Reach {
    /// The words in the table's column.
    pub name: &'static str,
    /// A sentence or two for a person.
    pub meaning: &'static str,
    /// Whether callers reach themselves, whatever their role: their own account, sessions and factors.
    pub oneself: bool,
    /// What others may be reached and by whom, as far as the row admits the role. Whatever the kind, the target must lie in
    /// the caller's branch: their own organisation or one below it. A kind that is not named is no target: NOT_FOUND.
    pub grants: &'static [(TargetKind, &'static [Role])],
    /// How a target in the branch is denied to a role that is not granted it.
    pub denial: Denial,
    /// Whether a target user must be below the caller in rank.
    pub rank: Rank,
    /// Whether reaching somebody else needs a fresh second factor (and a role that administers) where the row needs none.
    pub others_need_fresh_mfa: bool,
}

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TargetKind {
    /// One of the provider's two switches.
    Switch,
    Provider,
    Reseller,
    Company,
    UserOfProvider,
    UserOfReseller,
    UserOfCompany,
}

/// What a role is told that is not granted a target in its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// ROLE_NOT_ALLOWED.
    Told,
    /// NOT_FOUND: this role may not know that the target exists.
    Hidden,
}

/// Whether target users must be below the caller, and what comes first where role and rank both stand against it. Where rank
/// matters nobody is their own target: SELF_ADMINISTRATION.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// It does not matter.
    Any,
    /// TARGET_OUTRANKS_ACTOR, before the role is looked at.
    BelowThenRole,
    /// TARGET_OUTRANKS_ACTOR, after the role was looked at.
    RoleThenBelow,
}

impl Reach {
    /// The roles that may reach this kind of target; none when it is no target of these calls.
    #[must_use]
    pub fn roles_for(&self, kind: TargetKind) -> Option<&'static [Role]> {
        self.grants.iter().find(|(granted, _)| *granted == kind).map(|(_, roles)| *roles)
    }
}

impl TargetKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Switch,
        Self::Provider,
        Self::Reseller,
        Self::Company,
        Self::UserOfProvider,
        Self::UserOfReseller,
        Self::UserOfCompany,
    ];

    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "one of the provider's switches",
            Self::Provider => "the provider",
            Self::Reseller => "a reseller",
            Self::Company => "a company",
            Self::UserOfProvider => "a user of the provider",
            Self::UserOfReseller => "a user of a reseller",
            Self::UserOfCompany => "a user of a company",
        }
    }
}
