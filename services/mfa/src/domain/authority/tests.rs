//! Every actor against every kind of target.

use time::macros::datetime;
use types::{OrganizationId, SessionId};

use super::*;

struct Tree {
    provider: OrganizationPath,
    reseller: OrganizationPath,
    company: OrganizationPath,
    other_reseller: OrganizationPath,
    other_company: OrganizationPath,
}

fn tree() -> Tree {
    let provider = OrganizationPath::root(OrganizationId::generate());
    let [reseller, other_reseller] = [(); 2].map(|()| provider.child(OrganizationId::generate()).unwrap());
    let [company, other_company] =
        [&reseller, &other_reseller].map(|path| path.child(OrganizationId::generate()).unwrap());
    Tree { provider, reseller, company, other_reseller, other_company }
}

fn actor(tree: &Tree, role: Role) -> SignedIn {
    let path = match role.organization_kind() {
        OrganizationKind::Provider => &tree.provider,
        OrganizationKind::Reseller => &tree.reseller,
        OrganizationKind::Company => &tree.company,
    };
    SignedIn {
        user_id: UserId::generate(),
        path: path.clone(),
        login: "a@example.com".parse().unwrap(),
        role,
        session_id: SessionId::generate(),
        amr: Vec::new(),
        auth_time: datetime!(2026-01-01 00:00 UTC),
        mfa_time: None,
        generation: 0,
    }
}

fn user(path: &OrganizationPath, role: Role) -> Located {
    Located::User(path.clone(), TargetUser { id: UserId::generate(), role, auth_source: AuthSource::Local })
}

/// One letter an answer: `+` allowed, `r` ROLE_NOT_ALLOWED, `n` NOT_FOUND, `t` TARGET_OUTRANKS_ACTOR.
fn answers(tree: &Tree, target: &Located) -> String {
    let letter = |role: &Role| match may_change(&actor(tree, *role), target).map_err(|fault| fault.reason()) {
        Ok(()) => '+',
        Err(Reason::RoleNotAllowed) => 'r',
        Err(Reason::NotFound) => 'n',
        Err(Reason::TargetOutranksActor) => 't',
        Err(other) => panic!("{other}"),
    };
    Role::ALL.iter().map(letter).collect()
}

#[test]
fn who_may_change_what() {
    let tree = tree();
    let scope = |scope| Located::Scope { provider: tree.provider.clone(), scope };
    let organization = |path: &OrganizationPath| Located::Organization(path.clone());
    // Actors in the order of Role::ALL: provider admin, operator, auditor; reseller the same; company admin, auditor, user.
    for (name, target, expected) in [
        ("switch", scope(ProviderScope::InternalUsers), "+rrnnrnrr"),
        ("switch", scope(ProviderScope::ClientsAndResellers), "+rrnnrnrr"),
        ("reseller", organization(&tree.reseller), "+rrrrrnrr"),
        ("company", organization(&tree.company), "++r++rrrr"),
        ("other reseller", organization(&tree.other_reseller), "+rrnnrnrr"),
        ("other company", organization(&tree.other_company), "++rnnrnrr"),
        ("provider admin", user(&tree.provider, Role::ProviderAdmin), "+trnnrnrr"),
        ("provider operator", user(&tree.provider, Role::ProviderOperator), "+trnnrnrr"),
        ("provider auditor", user(&tree.provider, Role::ProviderAuditor), "++rnnrnrr"),
        ("reseller admin", user(&tree.reseller, Role::ResellerAdmin), "++rtrrnrr"),
        ("reseller operator", user(&tree.reseller, Role::ResellerOperator), "++r+rrnrr"),
        ("company admin", user(&tree.company, Role::CompanyAdmin), "++r++rtrr"),
        ("company auditor", user(&tree.company, Role::CompanyAuditor), "++r++r+rr"),
        ("company user", user(&tree.company, Role::CompanyUser), "++r++r+rr"),
        ("foreign company user", user(&tree.other_company, Role::CompanyUser), "++rnnrnrr"),
        ("foreign reseller auditor", user(&tree.other_reseller, Role::ResellerAuditor), "++rnnrnrr"),
    ] {
        assert_eq!(answers(&tree, &target), expected, "{name}");
    }
}

#[test]
fn nobody_changes_their_own() {
    let tree = tree();
    for role in [Role::ProviderAdmin, Role::ResellerAdmin, Role::CompanyAdmin] {
        let actor = actor(&tree, role);
        let own = TargetUser { id: actor.user_id, role, auth_source: AuthSource::Local };
        let refused = may_change(&actor, &Located::User(actor.path.clone(), own)).unwrap_err();
        assert_eq!(refused.reason(), Reason::SelfAdministration, "{role}");
    }
}

/// What the access table lets through by role is what this module does not refuse by role alone.
#[test]
fn the_access_table_admits_the_same_roles() {
    let tree = tree();
    let target = user(&tree.company, Role::CompanyUser);
    for method in ["EnforcementService/EnforceMfa", "EnforcementService/DisableMfa", "FactorService/ResetMfa"]
    {
        let rule = access::rule(&format!("/countersign.mfa.v1.{method}")).unwrap();
        for role in Role::ALL {
            let allowed = may_change(&actor(&tree, *role), &target).is_ok();
            assert_eq!(rule.admits_role(*role), allowed, "{method} {role}");
        }
    }
}

#[test]
fn sight_ends_at_the_branch_and_company_users_see_themselves_only() {
    let tree = tree();
    let sees = |role, target: &Located| may_see(&actor(&tree, role), target).is_ok();
    let colleague = user(&tree.company, Role::CompanyUser);
    assert!(sees(Role::CompanyAuditor, &colleague) && sees(Role::ResellerAuditor, &colleague));
    assert!(!sees(Role::CompanyUser, &colleague));
    assert!(sees(Role::CompanyUser, &Located::Organization(tree.company.clone())));
    assert!(!sees(Role::CompanyAdmin, &Located::Organization(tree.reseller.clone())));
    assert!(!sees(Role::ResellerAdmin, &Located::Organization(tree.other_company.clone())));
    let actor = actor(&tree, Role::CompanyUser);
    let own = TargetUser { id: actor.user_id, role: actor.role, auth_source: AuthSource::Local };
    assert!(may_see(&actor, &Located::User(tree.company.clone(), own)).is_ok());
}
