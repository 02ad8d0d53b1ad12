use fault::Reason;
use proto::common::{OrganizationKind, OrganizationState};
use proto::events::event::Payload;
use proto::events::{ActorKind, Outcome};
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{BootstrapRequest, Organization};
use tonic::Status;
use types::RequestId;

use super::fixture::{Fixture, by_operator, organization, refusal};

fn request(request_id: &str, name: &str) -> BootstrapRequest {
    BootstrapRequest { request_id: request_id.into(), name: name.into(), realm: "Cloudline.Example".into() }
}

async fn bootstrap(fixture: &Fixture, request: BootstrapRequest) -> Result<Option<Organization>, Status> {
    Ok(fixture.rpcs.bootstrap(by_operator(request)).await?.into_inner().organization)
}

#[tokio::test]
async fn the_first_organisation_is_the_provider() {
    let fixture = Fixture::new().await;
    let provider = organization(bootstrap(&fixture, request("", "Cloudline")).await);

    assert_eq!(provider.kind(), OrganizationKind::Provider);
    assert_eq!(provider.state(), OrganizationState::Active);
    assert_eq!(provider.path, std::slice::from_ref(&provider.id));
    assert_eq!(
        (provider.parent_id.as_str(), provider.realms.as_slice()),
        ("", &["cloudline.example".into()][..])
    );
    let [event] = &fixture.events().await[..] else { panic!("one event") };
    assert_eq!(event.r#type, "tenant.organization.created");
    assert_eq!(event.outcome(), Outcome::Succeeded);
    assert_eq!(event.organization_id, provider.id);
    let actor = event.actor.as_ref().unwrap();
    assert_eq!((actor.kind(), event.peer.as_str()), (ActorKind::Operator, "operator"));
    let Some(Payload::OrganizationCreated(created)) = &event.payload else { panic!("{event:?}") };
    assert_eq!(created.organization.as_ref().unwrap().path, provider.path);
    assert!(!created.enforce_mfa);
}

#[tokio::test]
async fn there_is_never_a_second_provider() {
    let fixture = Fixture::new().await;
    let (one, other) = tokio::join!(
        bootstrap(&fixture, request("", "Cloudline")),
        bootstrap(&fixture, BootstrapRequest { realm: "other.example".into(), ..request("", "Other") }),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let third = fixture.rpcs.bootstrap(by_operator(request("", "Third"))).await;
    assert_eq!(refusal(third), Reason::AlreadyBootstrapped);
    assert_eq!((fixture.count().await, fixture.events().await.len()), (1, 1));
}

#[tokio::test]
async fn the_same_request_is_answered_again_and_another_is_not() {
    let fixture = Fixture::new().await;
    let id = RequestId::generate().to_string();
    let first = organization(bootstrap(&fixture, request(&id, "Cloudline")).await);
    fixture.tick();
    assert_eq!(organization(bootstrap(&fixture, request(&id, "Cloudline")).await), first);
    let other = fixture.rpcs.bootstrap(by_operator(request(&id, "Other"))).await;
    assert_eq!(refusal(other), Reason::RequestIdReused);
    assert_eq!((fixture.count().await, fixture.events().await.len()), (1, 1));
}
