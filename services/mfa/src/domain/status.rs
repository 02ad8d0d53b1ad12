//! How lists show where organisations and users stand with MFA (R18), and how much they show at once.

use types::{OrganizationId, OrganizationPath};

use super::{EffectiveState, Own, PolicyLevel, Target};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedKind {
    /// Resellers.
    Reseller,
    /// Companies.
    Company,
    /// Users.
    User,
}

impl ListedKind {
    /// The word that page tokens are bound to.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reseller => "reseller",
            Self::Company => "company",
            Self::User => "user",
        }
    }
}

/// What a list can be narrowed down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MfaStatus {
    /// MFA is demanded now, by whatever level.
    Enforced,
    /// It is not.
    NotEnforced,
    /// Users: there is no factor. Organisations: somebody of whom it is demanded has none.
    NotConfigured,
}

impl MfaStatus {
    /// The word that page tokens are bound to.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::NotEnforced => "not_enforced",
            Self::NotConfigured => "not_configured",
        }
    }
}

/// Which levels demand MFA now, the target's own among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Demands {
    /// The provider's switch.
    pub(crate) provider: bool,
    /// The reseller.
    pub(crate) reseller: bool,
    /// The company.
    pub(crate) company: bool,
    /// The user.
    pub(crate) user: bool,
}

impl Demands {
    /// What holds for a target of the level `own`, and the highest level that demands it.
    #[must_use]
    pub(crate) fn effective(self, own: PolicyLevel) -> (EffectiveState, Option<PolicyLevel>) {
        let levels = [
            (PolicyLevel::Provider, self.provider),
            (PolicyLevel::Reseller, self.reseller),
            (PolicyLevel::Company, self.company),
            (PolicyLevel::User, self.user),
        ];
        match levels.into_iter().find(|(_, demands)| *demands) {
            None => (EffectiveState::Disabled, None),
            Some((level, _)) if level == own => (EffectiveState::Enabled, Some(level)),
            Some((level, _)) => (EffectiveState::EnabledByInheritance, Some(level)),
        }
    }
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The organisation or user.
    pub(crate) target: Target,
    /// The organisation's name or the user's login.
    pub(crate) name: String,
    /// Where the list goes on after this line.
    pub(crate) place: ListPlace,
    /// The target's own value.
    pub(crate) own: Own,
    /// Which levels demand MFA now.
    pub(crate) demands: Demands,
    /// Of users: whether a factor is active, and whether an enrolment is under way.
    pub(crate) factor: Option<(bool, bool)>,
    /// Whether a second factor is another's job.
    pub(crate) exempt: bool,
}

/// A place in the order of a list: by name, and where names may be equal by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListPlace {
    /// The name as it sorts.
    pub(crate) key: String,
    /// The organisation; nil for users, whose logins are unique.
    pub(crate) id: uuid::Uuid,
}

impl ListPlace {
    /// Before everything.
    pub(crate) const START: Self = Self { key: String::new(), id: uuid::Uuid::nil() };

    /// For a page token.
    #[must_use]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [self.id.as_bytes(), self.key.as_bytes()].concat()
    }

    /// From a page token.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, key) = bytes.split_first_chunk::<16>()?;
        Some(Self { id: uuid::Uuid::from_bytes(*id), key: String::from_utf8(key.to_vec()).ok()? })
    }
}

/// A part of the tree that a list or a preview looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    /// Everything.
    Everything,
    /// All resellers and companies.
    Clients,
    /// A reseller and its companies.
    Reseller(OrganizationId),
    /// One organisation alone.
    Alone(OrganizationId),
}

impl Branch {
    /// The organisation at `path` and everything below it.
    #[must_use]
    pub(crate) fn of(path: &OrganizationPath) -> Self {
        match (path.reseller_id(), path.company_id()) {
            (None, _) => Self::Everything,
            (Some(reseller), None) => Self::Reseller(reseller),
            (Some(_), Some(company)) => Self::Alone(company),
        }
    }
}

/// The number of lines on a page: 1 to 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize(u16);

impl PageSize {
    const DEFAULT: u16 = 50;
    const MOST: u16 = 500;

    /// The size asked for: 0 is the default, what exceeds the most is cut to it. `None` for a negative number.
    #[must_use]
    pub(crate) fn asked(number: i32) -> Option<Self> {
        match number {
            ..0 => None,
            0 => Some(Self(Self::DEFAULT)),
            _ => Some(Self(u16::try_from(number).map_or(Self::MOST, |number| number.min(Self::MOST)))),
        }
    }

    /// The number of lines.
    #[must_use]
    pub(crate) fn lines(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_level_that_demands_it_decides() {
        use EffectiveState::{Disabled, Enabled, EnabledByInheritance};
        let demands = |provider, reseller, company, user| Demands { provider, reseller, company, user };
        for (demands, own, expected) in [
            (Demands::default(), PolicyLevel::User, (Disabled, None)),
            (demands(false, false, false, true), PolicyLevel::User, (Enabled, Some(PolicyLevel::User))),
            (
                demands(true, false, true, true),
                PolicyLevel::User,
                (EnabledByInheritance, Some(PolicyLevel::Provider)),
            ),
            (
                demands(false, true, true, false),
                PolicyLevel::Company,
                (EnabledByInheritance, Some(PolicyLevel::Reseller)),
            ),
            (
                demands(false, true, false, false),
                PolicyLevel::Reseller,
                (Enabled, Some(PolicyLevel::Reseller)),
            ),
        ] {
            assert_eq!(demands.effective(own), expected, "{demands:?} {own:?}");
        }
    }

    #[test]
    fn page_sizes_are_bounded_whatever_is_asked_for() {
        for (asked, lines) in [(0, 50), (1, 1), (500, 500), (501, 500), (i32::MAX, 500)] {
            assert_eq!(PageSize::asked(asked).map(PageSize::lines), Some(lines), "{asked}");
        }
        assert_eq!([PageSize::asked(-1), PageSize::asked(i32::MIN)], [None; 2]);
    }

    #[test]
    fn places_survive_page_tokens() {
        let place = ListPlace { key: "söhne".into(), id: uuid::Uuid::now_v7() };
        for place in [place, ListPlace::START] {
            assert_eq!(ListPlace::from_bytes(&place.to_bytes()), Some(place));
        }
        assert_eq!(ListPlace::from_bytes(&[0; 15]), None);
    }
}
