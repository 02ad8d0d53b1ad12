use std::time::Duration;

use fault::Reason;
use proto::events::event::Payload;
use proto::tenant::CreateResellerRequest;
use proto::tenant::tenant_service_server::TenantService;
use tokio::time::timeout;
use types::RequestId;

use super::fixture::{Fixture, admin, by, organization, refusal};

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
    let (fixture, tree, [_, mfa]) = Fixture::with_dependents().await;
    let create = async {
        let answer = fixture.rpcs.create_reseller(by(&admin(&tree.provider), request())).await;
        (organization(answer.map(|answer| answer.into_inner().organization)), mfa.applied().await)
    };
    let apply = async {
        // The tree's own five come before it.
        loop {
            let position = fixture.position_of("tenant.organization.created").await;
            if position > 5 {
                mfa.apply_up_to(position).await;
                return position;
            }
        }
    };
    let ((reseller, applied_at_the_answer), position) = tokio::join!(create, apply);
    assert_eq!(reseller.name, "Ostwind");
    assert_eq!(applied_at_the_answer, position);
}

#[tokio::test]
async fn nothing_is_enforced_while_the_clock_is_not_trusted() {
    let (fixture, tree) = Fixture::in_force().await;
    let (caller, before) = (admin(&tree.provider), fixture.count().await);
    let create = |request| fixture.rpcs.create_reseller(by(&caller, request));
    let created = request();
    create(created.clone()).await.unwrap();
    fixture.reference.shift(time::Duration::seconds(-6));
    while fixture.tenant.clock_guard.trusted().is_ok() {
        tokio::task::yield_now().await;
    }
    let new = CreateResellerRequest { name: "Westwind".into(), ..request() };
    assert_eq!(refusal(create(new.clone()).await), Reason::ClockNotTrusted);
    assert_eq!((fixture.count().await, fixture.events().await.len()), (before + 1, 6));
    // What was done before is answered again, and what sets no policy is done.
    create(created).await.unwrap();
    let unenforced = CreateResellerRequest { enforce_mfa: false, name: "Nordost".into(), ..request() };
    create(unenforced).await.unwrap();

    fixture.reference.shift(time::Duration::seconds(4));
    while fixture.tenant.clock_guard.trusted().is_err() {
        tokio::task::yield_now().await;
    }
    create(new).await.unwrap();
}
