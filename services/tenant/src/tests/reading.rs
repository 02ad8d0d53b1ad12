use access::SignedIn;
use fault::Reason;
use proto::common::OrganizationKind;
use proto::tenant::organization_facts_service_server::OrganizationFactsService;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    GetOrganizationRequest, ListOrganizationsRequest, ListOrganizationsResponse, Organization,
    ResolveOrganizationRequest,
};
use types::{OrganizationId, Role};

use super::fixture::{Fixture, admin, by, by_operator, refusal, user};

#[tokio::test]
async fn users_see_their_own_branch() {
    let (fixture, tree) = Fixture::with_tree().await;
    let all = [&tree.provider, &tree.reseller, &tree.company, &tree.other_reseller, &tree.other_company];
    for (caller, visible) in [
        (admin(&tree.provider), &all[..]),
        (user(Role::ProviderAuditor, &tree.provider), &all[..]),
        (admin(&tree.reseller), &[&tree.reseller, &tree.company]),
        (user(Role::ResellerAuditor, &tree.reseller), &[&tree.reseller, &tree.company]),
        (user(Role::CompanyUser, &tree.company), &[&tree.company]),
    ] {
        for organization in all {
            let request = GetOrganizationRequest { organization_id: organization.id.clone() };
            let answer = fixture.rpcs.get_organization(by(&caller, request)).await;
            if visible.iter().any(|visible| visible.id == organization.id) {
                assert_eq!(answer.unwrap().into_inner().organization.as_ref(), Some(organization));
            } else {
                assert_eq!(refusal(answer), Reason::NotFound, "{} sees {}", caller.role, organization.name);
            }
        }
    }
    let missing = GetOrganizationRequest { organization_id: OrganizationId::generate().to_string() };
    let answer = fixture.rpcs.get_organization(by(&admin(&tree.provider), missing)).await;
    assert_eq!(refusal(answer), Reason::NotFound);
}

async fn list(
    fixture: &Fixture,
    caller: &SignedIn,
    request: ListOrganizationsRequest,
) -> Result<ListOrganizationsResponse, Reason> {
    match fixture.rpcs.list_organizations(by(caller, request)).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(rpc::reason_of(&status).unwrap()),
    }
}

fn names(organizations: &[Organization]) -> Vec<&str> {
    organizations.iter().map(|organization| organization.name.as_str()).collect()
}

#[tokio::test]
async fn a_list_goes_by_name_page_by_page_and_shows_everything_once() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    for name in ["zulu", "Émile", "bravo", "Alpha", "Übersee", "delta"] {
        fixture.company(&caller, &tree.reseller, name).await;
    }
    let mut seen = Vec::new();
    let mut request = ListOrganizationsRequest { page_size: 3, ..Default::default() };
    let mut pages = 0;
    loop {
        let page = list(&fixture, &caller, request.clone()).await.unwrap();
        seen.extend(page.organizations);
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
        // What is created meanwhile, before or behind, changes nothing about the others.
        if pages == 1 {
            fixture.company(&caller, &tree.reseller, "aardvark").await;
        }
    }
    assert_eq!(names(&seen), ["Acme GmbH", "Alpha", "bravo", "delta", "zulu", "Émile", "Übersee"]);
    assert_eq!(pages, 3);

    fixture.set_state(&tree.company, "deleted").await;
    let whole = list(&fixture, &caller, ListOrganizationsRequest::default()).await.unwrap();
    assert!(!names(&whole.organizations).contains(&"Acme GmbH"));
    assert_eq!((whole.organizations.len(), whole.next_page_token.as_str()), (7, ""));
}

#[tokio::test]
async fn a_list_is_of_one_level_and_one_kind() {
    let (fixture, tree) = Fixture::with_tree().await;
    let below = |parent: Option<&Organization>, kind: OrganizationKind| ListOrganizationsRequest {
        parent_id: parent.map(|parent| parent.id.clone()).unwrap_or_default(),
        kind: kind.into(),
        ..Default::default()
    };
    use OrganizationKind::{Company, Reseller, Unspecified};
    for (caller, parent, kind, expected) in [
        (admin(&tree.provider), None, Unspecified, Ok(vec!["Nordwind IT", "Südstern Systems"])),
        (admin(&tree.provider), None, Reseller, Ok(vec!["Nordwind IT", "Südstern Systems"])),
        (admin(&tree.provider), None, Company, Ok(vec![])),
        (admin(&tree.provider), Some(&tree.other_reseller), Company, Ok(vec!["Globex"])),
        (admin(&tree.reseller), None, Unspecified, Ok(vec!["Acme GmbH"])),
        (admin(&tree.reseller), Some(&tree.other_reseller), Unspecified, Err(Reason::NotFound)),
        (admin(&tree.reseller), Some(&tree.provider), Unspecified, Err(Reason::NotFound)),
        (admin(&tree.company), None, Unspecified, Ok(vec![])),
    ] {
        let answer = list(&fixture, &caller, below(parent, kind)).await;
        let answer = answer.as_ref().map(|page| names(&page.organizations)).map_err(|reason| *reason);
        assert_eq!(answer, expected, "{} {kind:?}", caller.role);
    }
}

#[tokio::test]
async fn a_page_token_opens_its_own_list_only() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.provider);
    let one = ListOrganizationsRequest { page_size: 1, ..Default::default() };
    let token = list(&fixture, &caller, one.clone()).await.unwrap().next_page_token;
    let with_token = |token: &str| ListOrganizationsRequest { page_token: token.into(), ..one.clone() };
    assert_eq!(list(&fixture, &caller, with_token(&token)).await.unwrap().organizations.len(), 1);

    let other_kind =
        ListOrganizationsRequest { kind: OrganizationKind::Reseller.into(), ..with_token(&token) };
    let other_parent = ListOrganizationsRequest { parent_id: tree.reseller.id.clone(), ..with_token(&token) };
    let tampered = format!("{}A", &token[..token.len() - 1]);
    for request in [other_kind, other_parent, with_token(&tampered), with_token("x"), with_token("AAAA")] {
        assert_eq!(list(&fixture, &caller, request).await.unwrap_err(), Reason::InvalidCursor);
    }
    assert_eq!(
        list(&fixture, &admin(&tree.reseller), with_token(&token)).await.unwrap_err(),
        Reason::InvalidCursor
    );
}

#[tokio::test]
async fn services_resolve_by_id_and_by_realm() {
    let (fixture, tree) = Fixture::with_tree().await;
    let resolve =
        |key| fixture.facts.resolve_organization(by_operator(ResolveOrganizationRequest { key: Some(key) }));
    let by_id = resolve(Key::OrganizationId(tree.company.id.clone())).await.unwrap().into_inner();
    let facts = by_id.organization.unwrap();
    assert_eq!((facts.path, facts.name, facts.version), (tree.company.path, tree.company.name, 1));
    let by_realm = resolve(Key::Realm("CLOUDLINE.example".into())).await.unwrap().into_inner();
    assert_eq!(by_realm.organization.unwrap().id, tree.provider.id);
    let missing = Key::OrganizationId(OrganizationId::generate().to_string());
    assert_eq!(refusal(resolve(missing).await), Reason::NotFound);
    assert_eq!(refusal(resolve(Key::Realm("nobody.example".into())).await), Reason::NotFound);
}
