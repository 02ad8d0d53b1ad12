//! The relations that the rows of the access table name, one constant each.

use types::Role::{self, CompanyAdmin, ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator};

use super::TargetKind::{
    self, Company, Provider, Reseller, Switch, UserOfCompany, UserOfProvider, UserOfReseller,
};
use super::{Denial, Rank, Reach};

/// Whoever the row admits.
const ROW: &[Role] = Role::ALL;
/// Everybody but company users.
pub(crate) const STAFF_ROLES: &[Role] = &[
    ProviderAdmin,
    ProviderOperator,
    Role::ProviderAuditor,
    ResellerAdmin,
    ResellerOperator,
    Role::ResellerAuditor,
    CompanyAdmin,
    Role::CompanyAuditor,
];
const COMPANY_KEEPERS: &[Role] = &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator];
const COMPANY_USER_KEEPERS: &[Role] =
    &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator, CompanyAdmin];

/// The plainest of them, on which the others are built.
const PLAIN: Reach = Reach {
    name: "no target",
    meaning: "There is no target: the call is about nobody, or decides for itself whom it is about.",
    oneself: false,
    grants: &[],
    denial: Denial::Told,
    rank: Rank::Any,
    others_need_fresh_mfa: false,
};

/// No target.
pub(crate) const NOTHING: &Reach = &PLAIN;

/// The bearer.
pub(crate) const OWN: &Reach = &Reach {
    name: "themselves",
    meaning: "The bearer's own account, sessions and factors, and nobody else's.",
    oneself: true,
    denial: Denial::Hidden,
    ..PLAIN
};

/// An organisation.
pub(crate) const BRANCH: &Reach = &Reach {
    name: "own branch",
    meaning: "The caller's own organisation or one below it.",
    grants: &[(Provider, ROW), (Reseller, ROW), (Company, ROW)],
    ..PLAIN
};

/// An organisation's events.
pub(crate) const BRANCH_IN_LOG: &Reach = &Reach {
    name: "own branch, as recorded",
    meaning: "Events of the caller's own organisation and of those below it, by the path that stands in the event. The \
              services read for themselves and see everything.",
    grants: &[(Provider, ROW), (Reseller, ROW), (Company, ROW)],
    ..PLAIN
};

/// The reseller of a new company.
pub(crate) const RESELLER_IN_BRANCH: &Reach = &Reach {
    name: "a reseller of the own branch",
    meaning: "The reseller below which the company is to be: the caller's own or one below the provider.",
    grants: &[(Reseller, COMPANY_KEEPERS)],
    ..PLAIN
};

/// Who gets a realm.
pub(crate) const REALM_HOLDER: &Reach = &Reach {
    name: "below, by level: realms",
    meaning: "An organisation below the caller's own; the provider's own realms are its administrators'.",
    grants: &[
        (Provider, &[ProviderAdmin]),
        (Reseller, &[ProviderAdmin, ProviderOperator]),
        (Company, COMPANY_KEEPERS),
    ],
    ..PLAIN
};

/// Who is suspended or resumed.
pub(crate) const SUSPENDED: &Reach = &Reach {
    name: "below, by level: suspension",
    meaning: "An organisation below the caller's own. Nobody suspends the provider.",
    grants: &[
        (Provider, &[]),
        (Reseller, &[ProviderAdmin]),
        (Company, &[ProviderAdmin, ProviderOperator, ResellerAdmin]),
    ],
    ..PLAIN
};

/// What is moved.
pub(crate) const MOVED: &Reach = &Reach {
    name: "a company below, to a reseller below",
    meaning: "A company, and the reseller it goes to: both in the caller's branch. Nothing but a company is moved.",
    grants: &[(Provider, &[]), (Reseller, &[]), (Company, &[ProviderAdmin])],
    ..PLAIN
};

/// What is deleted.
pub(crate) const DELETED: &Reach = &Reach {
    name: "below, by level: deletion",
    meaning: "An organisation below the caller's own. Nobody deletes the provider.",
    grants: &[(Provider, &[]), (Reseller, &[ProviderAdmin]), (Company, &[ProviderAdmin, ResellerAdmin])],
    ..PLAIN
};

const ADMINISTERED_GRANTS: &[(TargetKind, &[Role])] = &[
    (UserOfProvider, &[ProviderAdmin]),
    (UserOfReseller, &[ProviderAdmin, ResellerAdmin]),
    (UserOfCompany, COMPANY_USER_KEEPERS),
];

/// A user who is administered.
pub(crate) const ADMINISTERED: &Reach = &Reach {
    name: "users below in rank",
    meaning: "A user of the caller's branch, below the caller in rank (provider administrators may help each other), and never \
              the caller: `SELF_ADMINISTRATION`.",
    grants: ADMINISTERED_GRANTS,
    rank: Rank::BelowThenRole,
    ..PLAIN
};

/// A user to be.
pub(crate) const CREATED: &Reach = &Reach {
    name: "new users below in rank",
    meaning: "A new user of an organisation of the caller's branch, with a role below the caller's.",
    grants: ADMINISTERED_GRANTS,
    rank: Rank::BelowThenRole,
    ..PLAIN
};

/// Oneself, or a user who is administered.
pub(crate) const SELF_OR_ADMINISTERED: &Reach = &Reach {
    name: "themselves, or users below in rank",
    meaning: "The caller, in what is everybody's own to do: their profile, their sessions (anything else of their own: \
              `SELF_ADMINISTRATION`). Or, for roles that administer (the others: `ROLE_NOT_ALLOWED`, whoever it is) and \
              with a fresh second factor (`MFA_STEP_UP_REQUIRED`), a user of the caller's branch below the caller in rank.",
    oneself: true,
    grants: ADMINISTERED_GRANTS,
    rank: Rank::BelowThenRole,
    others_need_fresh_mfa: true,
    ..PLAIN
};

/// A user who is looked at.
pub(crate) const SEEN_USER: &Reach = &Reach {
    name: "themselves, or users of the own branch",
    meaning: "The caller; and, but for company users, every user of the caller's branch.",
    oneself: true,
    grants: &[(UserOfProvider, STAFF_ROLES), (UserOfReseller, STAFF_ROLES), (UserOfCompany, STAFF_ROLES)],
    denial: Denial::Hidden,
    ..PLAIN
};

/// A target of policy that is looked at.
pub(crate) const SEEN_TARGET: &Reach = &Reach {
    name: "themselves, or targets in the own branch",
    meaning: "The caller; the caller's own organisation and those below it; and, but for company users, every user of them. The \
              provider's switches for its own users.",
    oneself: true,
    grants: &[
        (Switch, ROW),
        (Reseller, ROW),
        (Company, ROW),
        (UserOfProvider, STAFF_ROLES),
        (UserOfReseller, STAFF_ROLES),
        (UserOfCompany, STAFF_ROLES),
    ],
    denial: Denial::Hidden,
    ..PLAIN
};

const MFA_USER_GRANTS: [(TargetKind, &[Role]); 3] = [
    (UserOfProvider, &[ProviderAdmin, ProviderOperator]),
    (UserOfReseller, &[ProviderAdmin, ProviderOperator, ResellerAdmin]),
    (UserOfCompany, COMPANY_USER_KEEPERS),
];

/// A target whose policy is changed.
pub(crate) const MFA_TARGET: &Reach = &Reach {
    name: "targets below, by level",
    meaning: "A switch, organisation or user of the caller's branch, as its level allows; a user below the caller in rank \
              (provider administrators may help each other), and never the caller: `SELF_ADMINISTRATION`.",
    grants: &[
        (Switch, &[ProviderAdmin]),
        (Reseller, &[ProviderAdmin]),
        (Company, COMPANY_KEEPERS),
        MFA_USER_GRANTS[0],
        MFA_USER_GRANTS[1],
        MFA_USER_GRANTS[2],
    ],
    rank: Rank::RoleThenBelow,
    ..PLAIN
};

/// A user whose second factor is administered.
pub(crate) const MFA_USER: &Reach = &Reach {
    name: "users below, by level",
    meaning: "A user of the caller's branch, as the level of their organisation allows, below the caller in rank (provider \
              administrators may help each other), and never the caller: `SELF_ADMINISTRATION`.",
    grants: &MFA_USER_GRANTS,
    rank: Rank::RoleThenBelow,
    ..PLAIN
};
