//! Roles and where they stand in the tree.

use std::str::FromStr;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The form in databases, tokens and events.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownWord) }
            }
        }
    };
}

/// The text is none of the closed list's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known word")]
pub struct UnknownWord;

words! {
    /// What an organisation is.
    OrganizationKind {
        /// The root: the provider itself.
        Provider = "provider",
        /// Sells to companies.
        Reseller = "reseller",
        /// A customer.
        Company = "company",
    }
}

words! {
    /// Who checks a user's password.
    AuthSource {
        /// We do.
        Local = "local",
        /// An external identity provider does; a second factor is its job.
        External = "external",
    }
}

words! {
    /// The three services.
    ServiceName {
        /// Owns the tree of organisations.
        Tenant = "tenant",
        /// Owns users, sign-ins and sessions.
        Identity = "identity",
        /// Owns policy, factors and verification.
        Mfa = "mfa",
    }
}

words! {
    /// A user's role. It fixes the level of the tree and what the user may do there and below.
    Role {
        /// Administers everything.
        ProviderAdmin = "provider_admin",
        /// Day-to-day work of the provider.
        ProviderOperator = "provider_operator",
        /// Reads everything.
        ProviderAuditor = "provider_auditor",
        /// Administers a reseller and its companies.
        ResellerAdmin = "reseller_admin",
        /// Day-to-day work of a reseller.
        ResellerOperator = "reseller_operator",
        /// Reads a reseller's branch.
        ResellerAuditor = "reseller_auditor",
        /// Administers a company.
        CompanyAdmin = "company_admin",
        /// Reads a company.
        CompanyAuditor = "company_auditor",
        /// Works with what the company bought.
        CompanyUser = "company_user",
    }
}

/// The level of the tree a role belongs to; a higher level compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Company,
    Reseller,
    Provider,
}

/// What a role may do at its level; more compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Grade {
    User,
    Auditor,
    Operator,
    Admin,
}

impl Role {
    /// The level of the tree this role belongs to.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::ProviderAdmin | Self::ProviderOperator | Self::ProviderAuditor => Level::Provider,
            Self::ResellerAdmin | Self::ResellerOperator | Self::ResellerAuditor => Level::Reseller,
            Self::CompanyAdmin | Self::CompanyAuditor | Self::CompanyUser => Level::Company,
        }
    }

    /// What the role may do at its level.
    #[must_use]
    pub const fn grade(self) -> Grade {
        match self {
            Self::ProviderAdmin | Self::ResellerAdmin | Self::CompanyAdmin => Grade::Admin,
            Self::ProviderOperator | Self::ResellerOperator => Grade::Operator,
            Self::ProviderAuditor | Self::ResellerAuditor | Self::CompanyAuditor => Grade::Auditor,
            Self::CompanyUser => Grade::User,
        }
    }

    /// The kind of organisation whose users may have this role.
    #[must_use]
    pub const fn organization_kind(self) -> OrganizationKind {
        match self.level() {
            Level::Provider => OrganizationKind::Provider,
            Level::Reseller => OrganizationKind::Reseller,
            Level::Company => OrganizationKind::Company,
        }
    }

    /// Whether an actor of this role may administer a user of role `target`: the actor's level is higher, or the level
    /// is the same and the grade higher; provider administrators may help each other (R2).
    #[must_use]
    pub fn outranks(self, target: Self) -> bool {
        (self == Self::ProviderAdmin && target == Self::ProviderAdmin)
            || self.level() > target.level()
            || (self.level() == target.level() && self.grade() > target.grade())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_every_role_reads_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>(), Ok(*role));
        }
    }

    #[test]
    fn ranks_follow_the_tree() {
        use Role::*;
        assert!(ResellerOperator.outranks(CompanyAdmin));
        assert!(!ResellerOperator.outranks(ResellerAdmin));
        assert!(!CompanyAdmin.outranks(CompanyAdmin));
        assert!(CompanyAdmin.outranks(CompanyAuditor));
        assert!(ProviderAdmin.outranks(ProviderAdmin));
        assert!(!ProviderOperator.outranks(ProviderAdmin));
    }
}
