use access::SignedIn;
use fault::Reason;
use proto::events::event::Payload;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{AddRealmRequest, AddRealmResponse, Organization};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId, Role};

use super::fixture::{Fixture, admin, by, organization, refusal, user};
use super::suspending::suspend;

pub(super) async fn add(
    fixture: &Fixture,
    caller: &SignedIn,
    target: &Organization,
    realm: &str,
) -> Result<Response<AddRealmResponse>, Status> {
    let request = AddRealmRequest {
        organization_id: target.id.clone(),
        realm: realm.into(),
        request_id: RequestId::generate().to_string(),
    };
    fixture.rpcs.add_realm(by(caller, request)).await
}

fn added(answer: Result<Response<AddRealmResponse>, Status>) -> Organization {
    organization(answer.map(|answer| answer.into_inner().organization))
}

#[tokio::test]
async fn a_realm_is_added_told_and_found() {
    let (fixture, tree) = Fixture::in_force().await;
    let caller = admin(&tree.reseller);
    added(add(&fixture, &caller, &tree.company, "Beta.example").await);
    let company = added(add(&fixture, &caller, &tree.company, "acme.example").await);
    assert_eq!(company.realms, ["acme.example", "beta.example"]);
    let event = fixture.last_event().await;
    assert_eq!((event.r#type.as_str(), &event.path), ("tenant.organization.realm_added", &tree.company.path));
    let Some(Payload::RealmAdded(payload)) = &event.payload else { panic!("{event:?}") };
    let facts = fixture.facts_of(Key::Realm("acme.example".into())).await.unwrap();
    assert_eq!((payload.realm.as_str(), payload.organization.as_ref()), ("acme.example", Some(&facts)));
    assert_eq!((facts.id.as_str(), facts.version), (tree.company.id.as_str(), 3));
    // What it already has is no change.
    let events = fixture.events().await.len();
    assert_eq!(added(add(&fixture, &caller, &tree.company, "ACME.example").await), company);
    assert_eq!(fixture.events().await.len(), events);
    // It is nobody else's.
    let taken = add(&fixture, &admin(&tree.other_reseller), &tree.other_company, "acme.example").await;
    assert_eq!(refusal(taken), Reason::RealmTaken);
    assert_eq!(fixture.events().await.len(), events);
}

#[tokio::test]
async fn who_adds_realms_where() {
    let (fixture, tree) = Fixture::in_force().await;
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    let operator = user(Role::ProviderOperator, &tree.provider);
    for (number, (caller, target, expected)) in [
        (admin(&tree.provider), &tree.provider, Ok(())),
        (admin(&tree.provider), &tree.reseller, Ok(())),
        (operator.clone(), &tree.provider, Err(Reason::RoleNotAllowed)),
        (operator.clone(), &tree.reseller, Ok(())),
        (operator, &tree.company, Ok(())),
        (admin(&tree.reseller), &tree.reseller, Err(Reason::RoleNotAllowed)),
        (user(Role::ResellerOperator, &tree.reseller), &tree.company, Ok(())),
        (admin(&tree.reseller), &tree.other_company, Err(Reason::NotFound)),
        (admin(&tree.reseller), &missing, Err(Reason::NotFound)),
        (admin(&tree.company), &tree.company, Err(Reason::RoleNotAllowed)),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = add(&fixture, &caller, target, &format!("realm{number}.example")).await;
        let outcome = answer.map(drop).map_err(|status| rpc::reason_of(&status).unwrap());
        assert_eq!(outcome, expected, "{} {}", caller.role, target.name);
    }
}

#[tokio::test]
async fn nothing_is_added_to_what_is_shut() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    suspend(&fixture, &provider, &tree.reseller).await.unwrap();
    for target in [&tree.reseller, &tree.company] {
        let refused = add(&fixture, &provider, target, "acme.example").await;
        assert_eq!(refusal(refused), Reason::OrganizationNotActive, "{}", target.name);
    }
    assert_eq!(fixture.facts_of(Key::Realm("acme.example".into())).await, Err(Reason::NotFound));
}

#[tokio::test]
async fn of_many_who_want_one_realm_one_gets_it() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    let targets = [&tree.reseller, &tree.company, &tree.other_reseller, &tree.other_company];
    let all = targets.map(|target| add(&fixture, &provider, target, "acme.example"));
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused), Reason::RealmTaken);
    }
    let added = fixture.events().await;
    let added = added.iter().filter(|event| event.r#type == "tenant.organization.realm_added");
    assert_eq!(added.count(), 1);
}
