use access::SignedIn;
use fault::Reason;
use futures::future::join_all;
use proto::common::OrganizationState;
use proto::events::event::Payload;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    CreateCompanyRequest, Organization, ResumeOrganizationRequest, ResumeOrganizationResponse,
    SuspendOrganizationRequest, SuspendOrganizationResponse,
};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId, Role};
use wire::OrganizationState as State;

use super::fixture::{Fixture, admin, by, organization, refusal, user};

pub(super) async fn suspend(
    fixture: &Fixture,
    caller: &SignedIn,
    target: &Organization,
) -> Result<Response<SuspendOrganizationResponse>, Status> {
    let request = SuspendOrganizationRequest { organization_id: target.id.clone(), ..Default::default() };
    fixture.rpcs.suspend_organization(by(caller, request)).await
}

async fn resume(
    fixture: &Fixture,
    caller: &SignedIn,
    target: &Organization,
) -> Result<Response<ResumeOrganizationResponse>, Status> {
    let request = ResumeOrganizationRequest {
        organization_id: target.id.clone(),
        reason: "paid".into(),
        ..Default::default()
    };
    fixture.rpcs.resume_organization(by(caller, request)).await
}

#[tokio::test]
async fn a_suspension_is_a_new_state_an_event_and_what_others_are_told() {
    let (fixture, tree) = Fixture::in_force().await;
    fixture.tick();
    let caller = admin(&tree.reseller);
    let request = SuspendOrganizationRequest {
        organization_id: tree.company.id.clone(),
        reason: "did not pay".into(),
        etag: tree.company.etag.clone(),
        ..Default::default()
    };
    let answer = fixture.rpcs.suspend_organization(by(&caller, request.clone())).await;
    let suspended = organization(answer.map(|answer| answer.into_inner().organization));
    assert_eq!(suspended.state(), OrganizationState::Suspended);
    assert_ne!(suspended.etag, tree.company.etag);
    let row = fixture.organization(&tree.company).await;
    assert_eq!((row.state, row.version), (State::Inactive, 2));

    let event = fixture.last_event().await;
    assert_eq!((event.r#type.as_str(), &event.path), ("tenant.organization.suspended", &tree.company.path));
    assert_eq!(event.actor.as_ref().unwrap().id, caller.user_id.to_string());
    let Some(Payload::OrganizationStateChanged(change)) = &event.payload else { panic!("{event:?}") };
    let facts = fixture.facts_of(Key::OrganizationId(tree.company.id.clone())).await.unwrap();
    assert_eq!((change.reason.as_str(), change.organization.as_ref()), ("did not pay", Some(&facts)));
    assert_eq!((facts.state(), facts.version), (OrganizationState::Suspended, 2));

    // Again, it is OK and nothing happens; with what was seen before, it is outdated.
    let events = fixture.events().await.len();
    let again = suspend(&fixture, &caller, &tree.company).await;
    assert_eq!(organization(again.map(|answer| answer.into_inner().organization)), suspended);
    assert_eq!(refusal(fixture.rpcs.suspend_organization(by(&caller, request)).await), Reason::EtagMismatch);
    assert_eq!(fixture.events().await.len(), events);

    let answer = resume(&fixture, &caller, &tree.company).await;
    let resumed = organization(answer.map(|answer| answer.into_inner().organization));
    assert_eq!(resumed.state(), OrganizationState::Active);
    let event = fixture.last_event().await;
    assert_eq!(event.r#type, "tenant.organization.resumed");
    let Some(Payload::OrganizationStateChanged(change)) = &event.payload else { panic!("{event:?}") };
    assert_eq!((change.reason.as_str(), change.organization.as_ref().unwrap().version), ("paid", 3));
    resume(&fixture, &caller, &tree.company).await.unwrap();
    assert_eq!(fixture.events().await.len(), events + 1);
}

#[tokio::test]
async fn who_suspends_what() {
    let (fixture, tree) = Fixture::in_force().await;
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    let operator = |organization| user(Role::ProviderOperator, organization);
    for (caller, target, expected) in [
        (admin(&tree.provider), &tree.provider, Err(Reason::RoleNotAllowed)),
        (admin(&tree.provider), &tree.reseller, Ok(())),
        (admin(&tree.provider), &tree.company, Ok(())),
        (admin(&tree.provider), &missing, Err(Reason::NotFound)),
        (operator(&tree.provider), &tree.reseller, Err(Reason::RoleNotAllowed)),
        (operator(&tree.provider), &tree.company, Ok(())),
        (admin(&tree.reseller), &tree.reseller, Err(Reason::RoleNotAllowed)),
        (admin(&tree.reseller), &tree.company, Ok(())),
        (admin(&tree.reseller), &tree.provider, Err(Reason::NotFound)),
        (admin(&tree.reseller), &tree.other_reseller, Err(Reason::NotFound)),
        (admin(&tree.reseller), &tree.other_company, Err(Reason::NotFound)),
        (user(Role::ResellerOperator, &tree.reseller), &tree.company, Err(Reason::RoleNotAllowed)),
        (admin(&tree.company), &tree.company, Err(Reason::RoleNotAllowed)),
    ] {
        let name = format!("{} {}", caller.role, target.name);
        match expected {
            Ok(()) => {
                suspend(&fixture, &caller, target).await.expect(&name);
                resume(&fixture, &caller, target).await.expect(&name);
            }
            Err(reason) => {
                assert_eq!(refusal(suspend(&fixture, &caller, target).await), reason, "{name}");
                assert_eq!(refusal(resume(&fixture, &caller, target).await), reason, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_suspended_reseller_gets_no_companies_and_theirs_keep_their_own_state() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    suspend(&fixture, &provider, &tree.reseller).await.unwrap();
    let company = CreateCompanyRequest {
        reseller_id: tree.reseller.id.clone(),
        name: "Initech".into(),
        ..Default::default()
    };
    let refused = fixture.rpcs.create_company(by(&provider, company.clone())).await;
    assert_eq!(refusal(refused), Reason::OrganizationNotActive);
    assert_eq!(fixture.organization(&tree.company).await.state, State::Active);
    resume(&fixture, &provider, &tree.reseller).await.unwrap();
    fixture.rpcs.create_company(by(&provider, company)).await.unwrap();
}

#[tokio::test]
async fn companies_created_while_their_reseller_is_suspended_come_before_or_not_at_all() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    let creations = (0..12).map(|number| async move { number }).collect::<Vec<_>>();
    let create = join_all(creations.into_iter().map(|number| async {
        let request = CreateCompanyRequest {
            reseller_id: tree.reseller.id.clone(),
            name: format!("Company {}", number.await),
            ..Default::default()
        };
        fixture.rpcs.create_company(by(&provider, request)).await
    }));
    let (created, suspended) = tokio::join!(create, suspend(&fixture, &provider, &tree.reseller));
    suspended.unwrap();
    let mut refused = 0;
    for answer in created {
        if let Err(status) = answer {
            assert_eq!(rpc::reason_of(&status), Some(Reason::OrganizationNotActive));
            refused += 1;
        }
    }
    // In the order of the log: after the suspension nothing was created below it.
    let events = fixture.events().await;
    let suspension = events.iter().position(|event| event.r#type == "tenant.organization.suspended").unwrap();
    let below = |event: &&proto::events::Event| event.path.contains(&tree.reseller.id);
    assert_eq!(events.iter().skip(suspension + 1).filter(below).count(), 0);
    assert_eq!(fixture.count().await, 5 + 12 - refused);
}

#[tokio::test]
async fn the_same_request_is_answered_again_even_after_the_opposite() {
    let (fixture, tree) = Fixture::in_force().await;
    let caller = admin(&tree.reseller);
    let request = SuspendOrganizationRequest {
        organization_id: tree.company.id.clone(),
        request_id: RequestId::generate().to_string(),
        ..Default::default()
    };
    let all = (0..4).map(|_| fixture.rpcs.suspend_organization(by(&caller, request.clone())));
    let answers: Vec<_> = join_all(all)
        .await
        .into_iter()
        .map(|answer| organization(answer.map(|answer| answer.into_inner().organization)))
        .collect();
    assert!(answers.iter().all(|answer| answer.etag == answers[0].etag));
    resume(&fixture, &caller, &tree.company).await.unwrap();
    let late = fixture.rpcs.suspend_organization(by(&caller, request.clone())).await;
    assert_eq!(organization(late.map(|answer| answer.into_inner().organization)), answers[0]);
    assert_eq!(fixture.organization(&tree.company).await.state, State::Active);
    let other = SuspendOrganizationRequest { reason: "other".into(), ..request };
    assert_eq!(refusal(fixture.rpcs.suspend_organization(by(&caller, other)).await), Reason::RequestIdReused);
}
