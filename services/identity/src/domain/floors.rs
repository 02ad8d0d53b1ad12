//! Floors: the lowest versions a session may be opened or refreshed on.

use types::{OrganizationKind, OrganizationPath, UserId};
use wire::PolicyVersion;

use super::evaluation::Basis;

/// mfa's name of the provider's switch for everybody below the provider.
pub const CLIENTS_AND_RESELLERS: &str = "clients_and_resellers";
/// mfa's name of the provider's switch for its own users.
pub const INTERNAL_USERS: &str = "internal_users";

/// The levels whose policy applies to a user, from the provider down, by mfa's names.
#[must_use]
pub fn targets(path: &OrganizationPath, user: UserId) -> Vec<String> {
    let switch = match path.kind() {
        OrganizationKind::Provider => INTERNAL_USERS,
        OrganizationKind::Reseller | OrganizationKind::Company => CLIENTS_AND_RESELLERS,
    };
    let organizations = [path.reseller_id(), path.company_id()].into_iter().flatten();
    std::iter::once(switch.to_owned())
        .chain(organizations.map(|id| id.to_string()))
        .chain(std::iter::once(user.to_string()))
        .collect()
}

/// The floors that apply to one user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Floors {
    /// The user's generation.
    pub generation: i64,
    /// The policy of the levels on the user's path; absent means none was ever raised.
    pub policy: PolicyVersion,
}

/// What a decision was based on lies below a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// Factor or configuration of the user changed.
    Generation,
    /// Policy changed on some level.
    Policy,
}

impl Floors {
    /// Whether a decision based on `basis` may still take effect.
    ///
    /// # Errors
    /// What has changed since.
    pub fn check(&self, basis: &Basis) -> Result<(), Outdated> {
        if basis.generation < self.generation {
            return Err(Outdated::Generation);
        }
        let below = |(target, floor): (&String, &i64)| basis.policy_version.level(target) < *floor;
        if self.policy.0.iter().any(below) { Err(Outdated::Policy) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use types::OrganizationId;

    use super::*;

    fn policy(levels: &[(&str, i64)]) -> PolicyVersion {
        PolicyVersion(levels.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn each_level_of_the_path_is_a_target() {
        let [provider, reseller, company] = [(); 3].map(|()| OrganizationId::generate());
        let user = UserId::generate();
        let root = OrganizationPath::root(provider);
        assert_eq!(targets(&root, user), [INTERNAL_USERS.to_owned(), user.to_string()]);
        let path = root.child(reseller).unwrap().child(company).unwrap();
        let expected =
            [CLIENTS_AND_RESELLERS.to_owned(), reseller.to_string(), company.to_string(), user.to_string()];
        assert_eq!(targets(&path, user), expected);
    }

    #[test]
    fn nothing_below_a_floor_takes_effect() {
        let floors = Floors { generation: 4, policy: policy(&[("a", 2)]) };
        for (generation, levels, expected) in [
            (4, policy(&[("a", 2)]), Ok(())),
            (5, policy(&[("a", 3), ("b", 1)]), Ok(())),
            (3, policy(&[("a", 2)]), Err(Outdated::Generation)),
            (4, policy(&[("a", 1)]), Err(Outdated::Policy)),
            (4, policy(&[]), Err(Outdated::Policy)),
        ] {
            let basis = Basis { generation, policy_version: levels };
            assert_eq!(floors.check(&basis), expected, "{basis:?}");
        }
    }
}
