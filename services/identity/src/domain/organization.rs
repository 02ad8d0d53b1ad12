//! An organisation as far as users and sessions depend on it.

use types::OrganizationPath;

/// Whether an organisation and everything above it may be used: a suspended reseller shuts its companies out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// All of them may.
    Active,
    /// At least one of them is suspended or deleted.
    Inactive,
    /// The copy lacks one of them: tenant has to be asked, and until it has answered nobody gets in.
    Unknown,
}

/// An organisation as the copy holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// From the provider down to this organisation.
    pub path: OrganizationPath,
    /// Whether it may be used.
    pub branch: Branch,
}

/// What tenant did to an organisation that ends what its users have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationChange {
    /// Nobody of it and of everything below it may use the product until it is resumed.
    Suspended,
    /// A company lies below another reseller now.
    Moved,
    /// It is gone, and its users with it.
    Deleted,
}

impl OrganizationChange {
    /// The form in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
        }
    }
}

/// What a change of an organisation ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Sessions.
    pub sessions: u64,
    /// Sign-ins under way.
    pub sign_ins: u64,
    /// Users, deleted with their organisation.
    pub users: u64,
}
