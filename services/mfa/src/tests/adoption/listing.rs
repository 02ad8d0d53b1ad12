//! `ListEnforcements`.

use fault::Reason;
use proto::mfa::{
    EnforcementEntry, EnforcementKind, EnforcementState, ListEnforcementsRequest, MfaConfiguration,
    MfaStatus, PolicyLevel,
};
use types::{AuthSource, OrganizationId, OrganizationPath, Role};
use wire::{OrganizationState, UserFacts, UserState};

use super::super::enforcing::{company, reseller, user};
use super::super::fixture::{Fixture, refusal};
use super::listing;

async fn names(
    fixture: &Fixture,
    actor: &UserFacts,
    kind: EnforcementKind,
    status: MfaStatus,
    path: &OrganizationPath,
) -> Vec<String> {
    let answer = fixture.list(actor, listing(kind, status, path)).await.unwrap();
    answer.enforcements.into_iter().map(|entry| entry.name).collect()
}

fn sorted(users: &[&UserFacts]) -> Vec<String> {
    let mut logins: Vec<_> = users.iter().map(|user| user.login.to_string()).collect();
    logins.sort();
    logins
}

#[tokio::test]
async fn organisations_are_told_apart_by_status_with_the_level_that_decides() {
    use EnforcementKind::{Company, Reseller};
    use MfaStatus::{Enforced, NotConfigured, NotEnforced, Unspecified};
    let (fixture, tree) = Fixture::with_tree().await;
    let root = &tree.provider_admin;
    let list = |kind, status, path| names(&fixture, root, kind, status, path);
    let (nordwind, suedstern, blue, globex) =
        ("Nordwind IT", "Südstern Systems", "Blue Ridge & Söhne", "Globex");
    assert_eq!(list(Reseller, Unspecified, &tree.provider).await, [nordwind, suedstern]);
    assert_eq!(list(Company, Unspecified, &tree.provider).await, [blue, globex]);
    assert_eq!(list(Company, Unspecified, &tree.reseller).await, [blue]);
    // What is below, not what is asked about.
    assert!(list(Reseller, Unspecified, &tree.reseller).await.is_empty());
    assert!(list(Company, Unspecified, &tree.company).await.is_empty());
    assert!(list(Company, NotConfigured, &tree.provider).await.is_empty());

    // A single user of whom it is demanded, and who has no factor, shows in both organisations above.
    fixture.enforce(&tree.company_admin, user(&tree.company_user)).await.unwrap();
    assert_eq!(list(Company, NotConfigured, &tree.provider).await, [blue]);
    assert_eq!(list(Reseller, NotConfigured, &tree.provider).await, [nordwind]);
    assert!(list(Company, Enforced, &tree.provider).await.is_empty());
    fixture.enroll(&tree.company_user).await;
    assert!(list(Reseller, NotConfigured, &tree.provider).await.is_empty());

    fixture.enforce(root, reseller(&tree.reseller)).await.unwrap();
    assert_eq!(list(Reseller, Enforced, &tree.provider).await, [nordwind]);
    assert_eq!(list(Reseller, NotEnforced, &tree.provider).await, [suedstern]);
    assert_eq!(list(Company, Enforced, &tree.provider).await, [blue]);
    assert_eq!(list(Company, NotEnforced, &tree.provider).await, [globex]);
    assert_eq!(list(Company, NotConfigured, &tree.provider).await, [blue]);
    let entry = |kind| fixture.list(root, listing(kind, Enforced, &tree.provider));
    let of_reseller = &entry(Reseller).await.unwrap().enforcements[0];
    assert_eq!(of_reseller.target, reseller(&tree.reseller));
    assert_eq!(of_reseller.own_state(), EnforcementState::Enabled);
    assert_eq!(of_reseller.effective_state(), EnforcementState::Enabled);
    let of_company = &entry(Company).await.unwrap().enforcements[0];
    assert_eq!(of_company.target, company(&tree.company));
    assert_eq!(of_company.own_state(), EnforcementState::Disabled);
    assert_eq!(of_company.effective_state(), EnforcementState::EnabledByInheritance);
    assert_eq!(of_company.deciding_level(), PolicyLevel::Reseller);
    assert_eq!(of_company.configuration(), MfaConfiguration::Unspecified);

    // Suspended organisations are listed, deleted ones are not, moved ones elsewhere.
    let suspended = OrganizationState::Inactive;
    fixture.organization_changes(&tree.company, |facts| facts.state = suspended).await;
    let path = tree.other_reseller.child(tree.company.organization_id()).unwrap();
    fixture.organization_changes(&tree.company, |facts| facts.path = path).await;
    assert!(list(Company, Unspecified, &tree.reseller).await.is_empty());
    assert_eq!(list(Company, NotEnforced, &tree.other_reseller).await, [blue, globex]);
    let deleted = OrganizationState::Deleted;
    fixture.organization_changes(&tree.company, |facts| facts.state = deleted).await;
    assert_eq!(list(Company, Unspecified, &tree.provider).await, [globex]);
}

#[tokio::test]
async fn users_are_told_apart_by_status_and_external_ones_are_exempt() {
    use MfaStatus::{Enforced, NotConfigured, NotEnforced, Unspecified};
    let (fixture, tree) = Fixture::with_tree().await;
    let external = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.user_changes(&external, |user| user.auth_source = AuthSource::External).await;
    let disabled = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.user_changes(&disabled, |user| user.state = UserState::Inactive).await;
    let gone = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    fixture.user_changes(&gone, |user| user.state = UserState::Deleted).await;
    fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    fixture.begin(&sign_in, "").await.unwrap();

    let kind = EnforcementKind::User;
    let list = |status, path| names(&fixture, &tree.provider_admin, kind, status, path);
    let (admin, user_, boss) = (&tree.company_admin, &tree.company_user, &tree.reseller_admin);
    assert_eq!(list(Unspecified, &tree.company).await, sorted(&[admin, user_, &external, &disabled]));
    assert_eq!(list(Unspecified, &tree.reseller).await, sorted(&[boss, admin, user_, &external, &disabled]));
    assert_eq!(list(Unspecified, &tree.provider).await.len(), 7);
    assert!(list(Enforced, &tree.provider).await.is_empty());
    assert_eq!(list(NotConfigured, &tree.company).await, sorted(&[admin, &external, &disabled]));

    fixture.enforce(boss, company(&tree.company)).await.unwrap();
    fixture.enforce(admin, user(user_)).await.unwrap();
    assert_eq!(list(Enforced, &tree.provider).await, sorted(&[admin, user_, &disabled]));
    assert_eq!(list(NotEnforced, &tree.reseller).await, sorted(&[boss, &external]));
    let entries = fixture.list(boss, listing(kind, Unspecified, &tree.company)).await.unwrap().enforcements;
    let entry = |of: &UserFacts| -> EnforcementEntry {
        entries.iter().find(|entry| entry.name == of.login.as_str()).unwrap().clone()
    };
    let told = |of| {
        let entry = entry(of);
        (entry.own_state(), entry.effective_state(), entry.configuration(), entry.exempt)
    };
    use EnforcementState::{Disabled, Enabled, EnabledByInheritance};
    use MfaConfiguration::{Configured, NotConfigured as None_, Pending};
    assert_eq!(told(admin), (Disabled, EnabledByInheritance, Pending, false));
    assert_eq!(told(user_), (Enabled, EnabledByInheritance, Configured, false));
    assert_eq!(told(&external), (Disabled, Disabled, None_, true));
    assert_eq!(entry(user_).target, user(user_));
    assert_eq!(entry(user_).deciding_level(), PolicyLevel::Company);
}

#[tokio::test]
async fn pages_follow_each_other_and_equal_names_lose_nobody() {
    let (fixture, tree) = Fixture::with_tree().await;
    for index in 0..11 {
        let path = tree.reseller.child(OrganizationId::generate()).unwrap();
        let name = if index < 6 { "Same name" } else { "same NAME" };
        fixture.create_organization(&path, name, false).await;
        fixture.create_user(&path, Role::CompanyAdmin, false).await;
    }
    for (kind, all) in [(EnforcementKind::Company, 12), (EnforcementKind::User, 14)] {
        let mut request = listing(kind, MfaStatus::NotEnforced, &tree.reseller);
        request.page_size = 5;
        let mut seen = Vec::new();
        loop {
            let page = fixture.list(&tree.reseller_admin, request.clone()).await.unwrap();
            assert!(page.enforcements.len() <= 5);
            seen.extend(page.enforcements.into_iter().map(|entry| format!("{:?}", entry.target)));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(seen.len(), all);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);

        // A token is good for this list and this caller.
        let other = |change: fn(&mut ListEnforcementsRequest)| {
            let mut other = request.clone();
            change(&mut other);
            other
        };
        for (actor, request) in [
            (&tree.provider_admin, request.clone()),
            (&tree.reseller_admin, other(|request| request.mfa_status = MfaStatus::Enforced.into())),
            (&tree.reseller_admin, other(|request| request.page_token.push('A'))),
            (&tree.reseller_admin, other(|request| request.page_token = "!".into())),
        ] {
            assert_eq!(refusal(fixture.list(actor, request).await), Reason::InvalidCursor);
        }
    }
}

#[tokio::test]
async fn foreign_organisations_are_not_found() {
    let (fixture, tree) = Fixture::with_tree().await;
    let missing = tree.reseller.child(OrganizationId::generate()).unwrap();
    for path in [&tree.other_reseller, &tree.other_company, &tree.provider, &missing] {
        let request = listing(EnforcementKind::User, MfaStatus::Unspecified, path);
        assert_eq!(refusal(fixture.list(&tree.reseller_admin, request).await), Reason::NotFound);
    }
    let kind = EnforcementKind::User.into();
    let own = ListEnforcementsRequest { kind, ..Default::default() };
    assert_eq!(fixture.list(&tree.company_admin, own).await.unwrap().enforcements.len(), 2);
}
