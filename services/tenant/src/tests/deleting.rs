use access::SignedIn;
use fault::Reason;
use futures::future::join_all;
use proto::common::OrganizationState;
use proto::events::event::Payload;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    CreateCompanyRequest, DeleteOrganizationRequest, DeleteOrganizationResponse, GetOrganizationRequest,
    Organization, SuspendOrganizationRequest,
};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId, Role};
use wire::OrganizationState as State;

use super::adding_realms::add;
use super::fixture::{Fixture, admin, by, organization, refusal, user};
use super::moving::move_company;
use super::suspending::suspend;

fn request(target: &Organization) -> DeleteOrganizationRequest {
    DeleteOrganizationRequest { organization_id: target.id.clone(), ..Default::default() }
}

async fn delete(
    fixture: &Fixture,
    caller: &SignedIn,
    target: &Organization,
) -> Result<Response<DeleteOrganizationResponse>, Status> {
    fixture.rpcs.delete_organization(by(caller, request(target))).await
}

#[tokio::test]
async fn what_is_deleted_leaves_a_tombstone_that_only_services_see() {
    let (fixture, tree) = Fixture::in_force().await;
    let caller = admin(&tree.reseller);
    add(&fixture, &caller, &tree.company, "acme.example").await.unwrap();
    let request = DeleteOrganizationRequest { reason: "contract ended".into(), ..request(&tree.company) };
    fixture.rpcs.delete_organization(by(&caller, request)).await.unwrap();

    let row = fixture.organization(&tree.company).await;
    assert_eq!((row.state, row.version, row.realms.len()), (State::Deleted, 3, 0));
    let event = fixture.last_event().await;
    assert_eq!((event.r#type.as_str(), &event.path), ("tenant.organization.deleted", &tree.company.path));
    let Some(Payload::OrganizationDeleted(payload)) = &event.payload else { panic!("{event:?}") };
    let facts = fixture.facts_of(Key::OrganizationId(tree.company.id.clone())).await.unwrap();
    assert_eq!((payload.reason.as_str(), payload.organization.as_ref()), ("contract ended", Some(&facts)));
    assert_eq!((facts.state(), facts.realms.len(), facts.version), (OrganizationState::Deleted, 0, 3));
    assert_eq!(fixture.facts_of(Key::Realm("acme.example".into())).await, Err(Reason::NotFound));

    let get = GetOrganizationRequest { organization_id: tree.company.id.clone() };
    for caller in [&caller, &admin(&tree.provider)] {
        assert_eq!(refusal(fixture.rpcs.get_organization(by(caller, get.clone())).await), Reason::NotFound);
        assert_eq!(refusal(delete(&fixture, caller, &tree.company).await), Reason::NotFound);
        assert_eq!(refusal(suspend(&fixture, caller, &tree.company).await), Reason::NotFound);
        let refused = add(&fixture, caller, &tree.company, "other.example").await;
        assert_eq!(refusal(refused), Reason::NotFound);
    }
    let refused = move_company(&fixture, &admin(&tree.provider), &tree.company, &tree.other_reseller).await;
    assert_eq!(refusal(refused), Reason::NotFound);
}

#[tokio::test]
async fn name_and_realm_of_the_deleted_are_free() {
    let (fixture, tree) = Fixture::in_force().await;
    let caller = admin(&tree.reseller);
    add(&fixture, &caller, &tree.company, "acme.example").await.unwrap();
    delete(&fixture, &caller, &tree.company).await.unwrap();
    let again = CreateCompanyRequest {
        reseller_id: tree.reseller.id.clone(),
        name: "Acme GmbH".into(),
        realm: "acme.example".into(),
        ..Default::default()
    };
    let answer = fixture.rpcs.create_company(by(&caller, again)).await;
    let new = organization(answer.map(|answer| answer.into_inner().organization));
    assert_ne!(new.id, tree.company.id);
    assert_eq!(fixture.facts_of(Key::Realm("acme.example".into())).await.unwrap().id, new.id);
}

#[tokio::test]
async fn a_realm_is_free_the_moment_its_organisation_is_gone() {
    let (fixture, tree) = Fixture::in_force().await;
    let (caller, other) = (admin(&tree.reseller), admin(&tree.other_reseller));
    add(&fixture, &caller, &tree.company, "acme.example").await.unwrap();
    let take = || add(&fixture, &other, &tree.other_company, "acme.example");
    let (deleted, taken) = tokio::join!(delete(&fixture, &caller, &tree.company), take());
    deleted.unwrap();
    if taken.is_err() {
        assert_eq!(refusal(taken), Reason::RealmTaken);
        take().await.unwrap();
    }
    let events = fixture.events().await;
    let at = |event_type: &str| events.iter().rposition(|event| event.r#type == event_type).unwrap();
    assert!(at("tenant.organization.deleted") < at("tenant.organization.realm_added"));
}

#[tokio::test]
async fn who_deletes_what() {
    let (fixture, tree) = Fixture::in_force().await;
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    let provider = admin(&tree.provider);
    for (caller, target, reason) in [
        (&provider, &tree.provider, Reason::RoleNotAllowed),
        (&provider, &missing, Reason::NotFound),
        (&provider, &tree.reseller, Reason::OrganizationNotEmpty),
        (&admin(&tree.reseller), &tree.reseller, Reason::RoleNotAllowed),
        (&admin(&tree.reseller), &tree.other_reseller, Reason::NotFound),
        (&admin(&tree.reseller), &tree.other_company, Reason::NotFound),
        (&user(Role::ProviderOperator, &tree.provider), &tree.company, Reason::RoleNotAllowed),
        (&user(Role::ResellerOperator, &tree.reseller), &tree.company, Reason::RoleNotAllowed),
        (&admin(&tree.company), &tree.company, Reason::RoleNotAllowed),
    ] {
        let refused = delete(&fixture, caller, target).await;
        assert_eq!(refusal(refused), reason, "{} by {}", target.name, caller.role);
    }
    let outdated = DeleteOrganizationRequest { etag: "v2".into(), ..request(&tree.company) };
    let refused = fixture.rpcs.delete_organization(by(&provider, outdated)).await;
    assert_eq!(refusal(refused), Reason::EtagMismatch);
    assert_eq!(fixture.events().await.len(), 5);

    suspend(&fixture, &provider, &tree.company).await.unwrap();
    delete(&fixture, &admin(&tree.reseller), &tree.company).await.unwrap();
    delete(&fixture, &provider, &tree.reseller).await.unwrap();
}

#[tokio::test]
async fn a_reseller_is_deleted_without_companies_or_not_at_all() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    for round in 0..4 {
        let reseller = fixture.reseller(&provider, &format!("Short-lived {round}")).await;
        let create = (0..4).map(|number| {
            let request = CreateCompanyRequest {
                reseller_id: reseller.id.clone(),
                name: format!("Company {number}"),
                ..Default::default()
            };
            fixture.rpcs.create_company(by(&provider, request))
        });
        let (created, moved, deleted) = tokio::join!(
            join_all(create),
            move_company(&fixture, &provider, &tree.company, &reseller),
            delete(&fixture, &provider, &reseller),
        );
        let arrived = created.iter().filter(|answer| answer.is_ok()).count() + usize::from(moved.is_ok());
        if deleted.is_ok() {
            assert_eq!(arrived, 0);
            created.into_iter().for_each(|answer| assert_eq!(refusal(answer), Reason::NotFound));
            assert_eq!(refusal(moved), Reason::NotFound);
        } else {
            assert_eq!(refusal(deleted), Reason::OrganizationNotEmpty);
            assert_eq!(arrived, 5);
        }
    }
}

#[tokio::test]
async fn nothing_arrives_below_a_reseller_that_is_being_deleted() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    let reseller = fixture.reseller(&provider, "Short-lived").await;
    fixture.rows.batch_execute("BEGIN").await.unwrap();
    fixture.set_state(&reseller, "deleted").await;
    let finish = async {
        fixture.somebody_waits().await;
        fixture.rows.batch_execute("COMMIT").await.unwrap();
    };
    let (moved, ()) = tokio::join!(move_company(&fixture, &provider, &tree.company, &reseller), finish);
    assert_eq!(refusal(moved), Reason::NotFound);
}

#[tokio::test]
async fn the_same_deletion_is_answered_again() {
    let (fixture, tree) = Fixture::in_force().await;
    let caller = admin(&tree.reseller);
    let request =
        DeleteOrganizationRequest { request_id: RequestId::generate().to_string(), ..request(&tree.company) };
    for answer in
        join_all((0..4).map(|_| fixture.rpcs.delete_organization(by(&caller, request.clone())))).await
    {
        answer.unwrap();
    }
    assert_eq!(fixture.organization(&tree.company).await.version, 2);
    // The same id for something else is another request.
    let suspend = SuspendOrganizationRequest {
        request_id: request.request_id,
        organization_id: tree.company.id.clone(),
        ..Default::default()
    };
    assert_eq!(refusal(fixture.rpcs.suspend_organization(by(&caller, suspend)).await), Reason::NotFound);
}
