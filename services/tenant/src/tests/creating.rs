use access::SignedIn;
use fault::Reason;
use proto::common::{OrganizationKind, Role as WireRole};
use proto::events::event::Payload;
use proto::events::{ActorKind, SubjectKind};
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{CreateCompanyRequest, CreateCompanyResponse, CreateResellerRequest, Organization};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId};

use super::fixture::{Fixture, admin, by, organization, refusal};

fn company(below: &Organization, name: &str) -> CreateCompanyRequest {
    CreateCompanyRequest { reseller_id: below.id.clone(), name: name.into(), ..Default::default() }
}

async fn create(
    fixture: &Fixture,
    caller: &SignedIn,
    request: CreateCompanyRequest,
) -> Result<Response<CreateCompanyResponse>, Status> {
    fixture.rpcs.create_company(by(caller, request)).await
}

fn created(answer: Result<Response<CreateCompanyResponse>, Status>) -> Organization {
    organization(answer.map(|answer| answer.into_inner().organization))
}

#[tokio::test]
async fn a_reseller_creates_a_company_and_the_event_says_who_did() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let request =
        CreateCompanyRequest { realm: "Initech.example".into(), ..company(&tree.reseller, " Initech ") };
    let company = created(create(&fixture, &caller, request).await);

    assert_eq!((company.kind(), company.name.as_str()), (OrganizationKind::Company, "Initech"));
    assert_eq!(company.parent_id, tree.reseller.id);
    assert_eq!(company.path, [tree.provider.id.clone(), tree.reseller.id.clone(), company.id.clone()]);
    assert_eq!(company.realms, ["initech.example"]);
    assert_eq!(company.create_time, company.update_time);

    let events = fixture.events().await;
    let event = events.last().unwrap();
    assert_eq!(event.r#type, "tenant.organization.created");
    assert_eq!(event.path, company.path);
    let (actor, subject) = (event.actor.clone().unwrap(), event.subject.clone().unwrap());
    assert_eq!((actor.kind(), actor.id), (ActorKind::User, caller.user_id.to_string()));
    assert_eq!(actor.role, i32::from(WireRole::ResellerAdmin));
    assert_eq!((subject.kind(), subject.id), (SubjectKind::Organization, company.id.clone()));
    let Some(Payload::OrganizationCreated(payload)) = &event.payload else { panic!("{event:?}") };
    let facts = payload.organization.as_ref().unwrap();
    assert_eq!((&facts.name, &facts.realms, facts.version), (&company.name, &company.realms, 1));
}

#[tokio::test]
async fn a_foreign_parent_a_missing_one_and_one_of_another_level_are_the_same() {
    let (fixture, tree) = Fixture::with_tree().await;
    let before = fixture.count().await;
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    for (caller, parent) in [
        (admin(&tree.reseller), &tree.other_reseller),
        (admin(&tree.reseller), &missing),
        (admin(&tree.reseller), &tree.provider),
        (admin(&tree.reseller), &tree.company),
        (admin(&tree.provider), &tree.provider),
        (admin(&tree.provider), &tree.company),
    ] {
        let refused = create(&fixture, &caller, company(parent, "Initech")).await;
        assert_eq!(refusal(refused), Reason::NotFound, "{:?} below {}", caller.role, parent.name);
    }
    assert_eq!(fixture.count().await, before);
}

#[tokio::test]
async fn nothing_is_created_below_a_suspended_reseller() {
    let (fixture, tree) = Fixture::with_tree().await;
    for (state, reason) in [("suspended", Reason::OrganizationNotActive), ("deleted", Reason::NotFound)] {
        fixture.set_state(&tree.reseller, state).await;
        let refused = create(&fixture, &admin(&tree.provider), company(&tree.reseller, "Initech")).await;
        assert_eq!(refusal(refused), reason);
    }
}

#[tokio::test]
async fn what_is_being_suspended_is_waited_for() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.rows.batch_execute("BEGIN").await.unwrap();
    fixture.set_state(&tree.reseller, "suspended").await;
    let suspend = async {
        fixture.somebody_waits().await;
        fixture.rows.batch_execute("COMMIT").await.unwrap();
    };
    let caller = admin(&tree.reseller);
    let (refused, ()) = tokio::join!(create(&fixture, &caller, company(&tree.reseller, "Initech")), suspend);
    assert_eq!(refusal(refused), Reason::OrganizationNotActive);
}

#[tokio::test]
async fn siblings_have_different_names_however_they_are_written() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.provider);
    let events = fixture.events().await.len();
    for name in ["Acme GmbH", "ACME  gmbh", "Ａcme\u{a0}GmbH"] {
        assert_eq!(
            refusal(create(&fixture, &caller, company(&tree.reseller, name)).await),
            Reason::NameTaken
        );
    }
    let twin = CreateResellerRequest { name: "nordwind it".into(), ..Default::default() };
    assert_eq!(refusal(fixture.rpcs.create_reseller(by(&caller, twin)).await), Reason::NameTaken);
    assert_eq!(fixture.events().await.len(), events);
    // Elsewhere the name is free, and a deleted organisation leaves its own.
    created(create(&fixture, &caller, company(&tree.other_reseller, "Acme GmbH")).await);
    fixture.set_state(&tree.company, "deleted").await;
    created(create(&fixture, &caller, company(&tree.reseller, "Acme GmbH")).await);
}

#[tokio::test]
async fn a_realm_belongs_to_one_organisation_of_the_whole_installation() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.provider);
    let with_realm = |below: &Organization, name: &str, realm: &str| CreateCompanyRequest {
        realm: realm.into(),
        ..company(below, name)
    };
    created(create(&fixture, &caller, with_realm(&tree.reseller, "Initech", "initech.example")).await);
    let (rows, events) = (fixture.count().await, fixture.events().await.len());
    for realm in ["initech.example", "INITECH.example", "cloudline.example"] {
        let refused = create(&fixture, &caller, with_realm(&tree.other_reseller, "Hooli", realm)).await;
        assert_eq!(refusal(refused), Reason::RealmTaken, "{realm}");
    }
    assert_eq!((fixture.count().await, fixture.events().await.len()), (rows, events));
}

#[tokio::test]
async fn of_many_who_want_one_name_one_gets_it() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let all = (0..8).map(|_| create(&fixture, &caller, company(&tree.reseller, "Initech")));
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(refused), Reason::NameTaken);
    }
}

#[tokio::test]
async fn a_repeated_request_creates_nothing_new() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = admin(&tree.reseller);
    let request_id = RequestId::generate().to_string();
    let request = CreateCompanyRequest { request_id, ..company(&tree.reseller, "Initech") };
    // At once, as an impatient client does, and later.
    let twins = (0..4).map(|_| create(&fixture, &caller, request.clone()));
    let answers: Vec<_> = futures::future::join_all(twins).await.into_iter().map(created).collect();
    fixture.tick();
    let later = created(create(&fixture, &caller, request.clone()).await);
    assert!(answers.iter().all(|answer| *answer == later));
    let events = fixture.events().await;
    assert_eq!(events.iter().filter(|event| event.request_id == request.request_id).count(), 1);

    let other = CreateCompanyRequest { name: "Hooli".into(), ..request.clone() };
    assert_eq!(refusal(create(&fixture, &caller, other).await), Reason::RequestIdReused);
    // Another user's id is another id, though it reads the same.
    let stranger = create(&fixture, &admin(&tree.reseller), request.clone()).await;
    assert_eq!(refusal(stranger), Reason::NameTaken);
    // And an answer is not given again to someone who may no longer see it.
    let moved = SignedIn { user_id: caller.user_id, ..admin(&tree.other_reseller) };
    assert_eq!(refusal(create(&fixture, &moved, request).await), Reason::NotFound);
}
