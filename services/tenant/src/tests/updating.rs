use access::SignedIn;
use fault::Reason;
use proto::events::event::Payload;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{Organization, UpdateOrganizationRequest, UpdateOrganizationResponse};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId};

use super::fixture::{Fixture, admin, by, organization, refusal};

fn rename(target: &Organization, name: &str) -> UpdateOrganizationRequest {
    UpdateOrganizationRequest {
        organization_id: target.id.clone(),
        name: name.into(),
        update_mask: Some(prost_types::FieldMask { paths: vec!["name".into()] }),
        ..Default::default()
    }
}

async fn update(
    fixture: &Fixture,
    caller: &SignedIn,
    request: UpdateOrganizationRequest,
) -> Result<Response<UpdateOrganizationResponse>, Status> {
    fixture.rpcs.update_organization(by(caller, request)).await
}

fn updated(answer: Result<Response<UpdateOrganizationResponse>, Status>) -> Organization {
    organization(answer.map(|answer| answer.into_inner().organization))
}

#[tokio::test]
async fn a_new_name_is_a_new_state_and_an_event() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.tick();
    let request =
        UpdateOrganizationRequest { etag: tree.company.etag.clone(), ..rename(&tree.company, "Acme SE") };
    let renamed = updated(update(&fixture, &admin(&tree.reseller), request).await);

    assert_eq!((renamed.id.as_str(), renamed.name.as_str()), (tree.company.id.as_str(), "Acme SE"));
    assert_ne!(renamed.etag, tree.company.etag);
    assert_eq!(renamed.create_time, tree.company.create_time);
    assert!(renamed.update_time.unwrap().seconds > tree.company.update_time.unwrap().seconds);
    let events = fixture.events().await;
    let event = events.last().unwrap();
    assert_eq!((event.r#type.as_str(), &event.path), ("tenant.organization.updated", &tree.company.path));
    let Some(Payload::OrganizationUpdated(payload)) = &event.payload else { panic!("{event:?}") };
    assert_eq!(payload.changed_fields, ["name"]);
    let facts = payload.organization.as_ref().unwrap();
    assert_eq!((facts.name.as_str(), facts.version), ("Acme SE", 2));
}

#[tokio::test]
async fn a_reseller_renames_itself_and_what_is_below_it_and_nothing_else() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    updated(update(&fixture, &caller, rename(&tree.reseller, "Nordwind AG")).await);
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    for target in [&tree.provider, &tree.other_reseller, &tree.other_company, &missing] {
        let refused = update(&fixture, &caller, rename(target, "Mine")).await;
        assert_eq!(refusal(refused), Reason::NotFound, "{}", target.name);
    }
    updated(update(&fixture, &admin(&tree.provider), rename(&tree.provider, "Cloudline Group")).await);
}

#[tokio::test]
async fn what_changes_nothing_leaves_no_event() {
    let (fixture, tree) = Fixture::with_tree().await;
    let events = fixture.events().await.len();
    fixture.tick();
    let same = updated(update(&fixture, &admin(&tree.reseller), rename(&tree.company, "Acme GmbH")).await);
    assert_eq!((same, fixture.events().await.len()), (tree.company, events));
}

#[tokio::test]
async fn the_spelling_of_a_name_may_change() {
    let (fixture, tree) = Fixture::with_tree().await;
    let renamed = updated(update(&fixture, &admin(&tree.reseller), rename(&tree.company, "ACME GmbH")).await);
    assert_eq!(renamed.name, "ACME GmbH");
}

#[tokio::test]
async fn an_outdated_etag_and_a_taken_name_are_refused() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    fixture.company(&caller, &tree.reseller, "Initech").await;
    updated(update(&fixture, &caller, rename(&tree.company, "Acme SE")).await);
    let events = fixture.events().await.len();

    let outdated =
        UpdateOrganizationRequest { etag: tree.company.etag.clone(), ..rename(&tree.company, "Acme AG") };
    assert_eq!(refusal(update(&fixture, &caller, outdated).await), Reason::EtagMismatch);
    assert_eq!(refusal(update(&fixture, &caller, rename(&tree.company, "initech")).await), Reason::NameTaken);
    fixture.set_state(&tree.company, "deleted").await;
    assert_eq!(refusal(update(&fixture, &caller, rename(&tree.company, "Acme AG")).await), Reason::NotFound);
    assert_eq!(fixture.events().await.len(), events);
}

#[tokio::test]
async fn updates_at_once_come_one_after_the_other() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let all =
        (0..8).map(|number| update(&fixture, &caller, rename(&tree.company, &format!("Acme {number}"))));
    let mut etags: Vec<_> =
        futures::future::join_all(all).await.into_iter().map(|answer| updated(answer).etag).collect();
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 8);
    let versions = fixture.events().await.into_iter().filter_map(|event| match event.payload {
        Some(Payload::OrganizationUpdated(payload)) => payload.organization.map(|facts| facts.version),
        _ => None,
    });
    assert_eq!(versions.collect::<Vec<_>>(), (2..=9).collect::<Vec<_>>());

    // With an etag, of all who saw one state only one changes it.
    let etag = etags.into_iter().max().unwrap();
    let all = (0..4).map(|number| {
        let request = rename(&tree.company, &format!("Acme Nr. {number}"));
        update(&fixture, &caller, UpdateOrganizationRequest { etag: etag.clone(), ..request })
    });
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_repeated_update_is_answered_as_the_first_time() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let request = UpdateOrganizationRequest {
        request_id: RequestId::generate().to_string(),
        ..rename(&tree.company, "Acme SE")
    };
    let first = updated(update(&fixture, &caller, request.clone()).await);
    updated(update(&fixture, &caller, rename(&tree.company, "Acme AG")).await);
    assert_eq!(updated(update(&fixture, &caller, request.clone()).await), first);
    let other = UpdateOrganizationRequest { name: "Hooli".into(), ..request };
    assert_eq!(refusal(update(&fixture, &caller, other).await), Reason::RequestIdReused);
}
