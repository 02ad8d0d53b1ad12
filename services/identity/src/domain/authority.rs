//! Who may create and administer whom. Reach (is the target in the caller's branch?) was judged before, on tenant's own data.

use types::{Grade, Level, OrganizationKind, Role};

/// Why somebody may not administer a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The actor's role does not administer users of this role.
    Role,
    /// The user's role, or the one they are to have, is not below the actor's.
    Outranks,
}

/// Whether an actor of role `actor` may create a user of role `target` in an organisation of their branch, or change one.
///
/// Administrators administer whoever they outrank; operators of the provider and of resellers administer users of companies.
///
/// # Errors
/// Why not.
pub fn may_administer(actor: Role, target: Role) -> Result<(), Denied> {
    let in_charge = match actor.grade() {
        Grade::Admin => true,
        Grade::Operator => target.level() == Level::Company,
        Grade::Auditor | Grade::User => return Err(Denied::Role),
    };
    if !actor.outranks(target) {
        return Err(Denied::Outranks);
    }
    if in_charge { Ok(()) } else { Err(Denied::Role) }
}

/// Whether this role administers anybody at all: what can be said without looking at a target.
#[must_use]
pub fn administers(actor: Role) -> bool {
    actor.grade() >= Grade::Operator
}

/// Whether users of this role belong into an organisation of this kind.
#[must_use]
pub fn belongs(role: Role, kind: OrganizationKind) -> bool {
    role.organization_kind() == kind
}

/// Whether this role reads other users than itself.
#[must_use]
pub fn reads_others(role: Role) -> bool {
    role.grade() > Grade::User
}

#[cfg(test)]
mod tests {
    use Role::*;

    use super::*;

    #[test]
    fn administrators_administer_below_themselves_and_operators_users_of_companies() {
        for (actor, target, expected) in [
            (ProviderAdmin, ProviderAdmin, Ok(())),
            (ProviderAdmin, ProviderOperator, Ok(())),
            (ProviderAdmin, ResellerAdmin, Ok(())),
            (ProviderAdmin, CompanyUser, Ok(())),
            (ProviderOperator, CompanyAdmin, Ok(())),
            (ProviderOperator, ResellerAuditor, Err(Denied::Role)),
            (ProviderOperator, ProviderAdmin, Err(Denied::Outranks)),
            (ProviderAuditor, CompanyUser, Err(Denied::Role)),
            (ResellerAdmin, ResellerAdmin, Err(Denied::Outranks)),
            (ResellerAdmin, ResellerOperator, Ok(())),
            (ResellerAdmin, CompanyAdmin, Ok(())),
            (ResellerAdmin, ProviderAuditor, Err(Denied::Outranks)),
            (ResellerOperator, CompanyAdmin, Ok(())),
            (ResellerOperator, ResellerAuditor, Err(Denied::Role)),
            (ResellerOperator, ResellerOperator, Err(Denied::Outranks)),
            (CompanyAdmin, CompanyUser, Ok(())),
            (CompanyAdmin, CompanyAdmin, Err(Denied::Outranks)),
            (CompanyAuditor, CompanyUser, Err(Denied::Role)),
            (CompanyUser, CompanyUser, Err(Denied::Role)),
        ] {
            assert_eq!(may_administer(actor, target), expected, "{actor} {target}");
        }
    }

    #[test]
    fn only_plain_users_read_nobody_else() {
        for role in Role::ALL {
            assert_eq!(reads_others(*role), *role != CompanyUser, "{role}");
        }
    }
}
