use std::net::TcpListener;
use std::time::Duration;

use fault::Reason;
use proto::events::event::Payload;
use proto::tenant::CreateResellerRequest;
use proto::tenant::tenant_service_server::TenantService;
use tokio::time::timeout;
use types::RequestId;

use super::fixture::{Fixture, admin, by, organization, refusal};
use super::mfa::FollowingMfa;

fn request() -> CreateResellerRequest {
    CreateResellerRequest {
        request_id: RequestId::generate().to_string(),
        name: "Ostwind".into(),
        enforce_mfa: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_mfa_has_not_applied_is_not_acknowledged_and_stands_all_the_same() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (caller, request, before) = (admin(&tree.provider), request(), fixture.count().await);
    // mfa is not there, and the first caller hangs up before it hears so.
    let create = || fixture.rpcs.create_reseller(by(&caller, request.clone()));
    timeout(Duration::from_secs(1), create()).await.unwrap_err();
    // A repetition waits again, and creates nothing.
    assert_eq!(refusal(create().await), Reason::NotYetInForce);
    assert_eq!(fixture.count().await, before + 1);
    let events = fixture.events().await;
    let Some(Payload::OrganizationCreated(created)) = &events.last().unwrap().payload else { panic!() };
    assert!(created.enforce_mfa);
}

#[tokio::test]
async fn it_is_acknowledged_once_mfa_has_applied_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fixture = Fixture::with_mfa_at(listener.local_addr().unwrap()).await;
    let tree = fixture.tree().await;
    let mfa = FollowingMfa::start(&fixture, listener).await;
    let create = async {
        let answer = fixture.rpcs.create_reseller(by(&admin(&tree.provider), request())).await;
        (organization(answer.map(|answer| answer.into_inner().organization)), mfa.applied().await)
    };
    let apply = async {
        let position = fixture.position_of_last_event().await;
        mfa.apply_up_to(position).await;
        position
    };
    let ((reseller, applied_at_the_answer), position) = tokio::join!(create, apply);
    assert_eq!(reseller.name, "Ostwind");
    assert_eq!(applied_at_the_answer, position);
}
