//! Who may do what to an organisation, where the access table's roles alone do not decide.

use fault::{Outcome, Reason};
use types::{OrganizationKind, Role};

/// A power over an organisation that depends on what the organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    /// Giving it a further realm.
    AddRealm,
    /// Suspending it, or ending that.
    Suspend,
    /// Moving it to another reseller.
    Move,
    /// Deleting it.
    Delete,
}

/// Whether a role may do this to an organisation of a kind. That it lies within the caller's reach is settled before: so a
/// reseller's role meets a reseller only where it is its own.
///
/// # Errors
/// ROLE_NOT_ALLOWED.
pub(crate) fn permit(power: Power, role: Role, kind: OrganizationKind) -> Outcome<()> {
    if roles(power, kind).contains(&role) { Ok(()) } else { Err(Reason::RoleNotAllowed.into()) }
}

/// Nobody suspends, moves or deletes their own organisation; only the provider's administrators change it at all.
const fn roles(power: Power, kind: OrganizationKind) -> &'static [Role] {
    use OrganizationKind::{Company, Provider, Reseller};
    use Role::{ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator};
    match (power, kind) {
        (Power::AddRealm, Provider) => &[ProviderAdmin],
        (Power::AddRealm, Reseller) => &[ProviderAdmin, ProviderOperator],
        (Power::AddRealm, Company) => &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator],
        (Power::Suspend | Power::Move | Power::Delete, Provider) | (Power::Move, Reseller) => &[],
        (Power::Suspend | Power::Delete, Reseller) | (Power::Move, Company) => &[ProviderAdmin],
        (Power::Suspend, Company) => &[ProviderAdmin, ProviderOperator, ResellerAdmin],
        (Power::Delete, Company) => &[ProviderAdmin, ResellerAdmin],
    }
}

#[cfg(test)]
mod tests {
    use OrganizationKind::{Company, Provider, Reseller};
    use Role::{ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator};

    use super::*;

    #[test]
    fn every_cell_of_act_role_and_kind() {
        for (power, kind, allowed) in [
            (Power::AddRealm, Provider, &[ProviderAdmin][..]),
            (Power::AddRealm, Reseller, &[ProviderAdmin, ProviderOperator]),
            (Power::AddRealm, Company, &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator]),
            (Power::Suspend, Provider, &[]),
            (Power::Suspend, Reseller, &[ProviderAdmin]),
            (Power::Suspend, Company, &[ProviderAdmin, ProviderOperator, ResellerAdmin]),
            (Power::Move, Provider, &[]),
            (Power::Move, Reseller, &[]),
            (Power::Move, Company, &[ProviderAdmin]),
            (Power::Delete, Provider, &[]),
            (Power::Delete, Reseller, &[ProviderAdmin]),
            (Power::Delete, Company, &[ProviderAdmin, ResellerAdmin]),
        ] {
            for role in Role::ALL {
                let permitted = permit(power, *role, kind);
                assert_eq!(permitted.is_ok(), allowed.contains(role), "{power:?} {kind} by {role}");
                if let Err(fault) = permitted {
                    assert_eq!(fault.reason(), Reason::RoleNotAllowed);
                }
            }
        }
    }
}
