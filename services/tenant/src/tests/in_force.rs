//! Acknowledged means in force: in identity and in mfa, for every change of an organisation.

use std::pin::Pin;
use std::time::Duration;

use access::SignedIn;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    AddRealmRequest, DeleteOrganizationRequest, MoveCompanyRequest, ResumeOrganizationRequest,
    SuspendOrganizationRequest,
};
use tokio::time::timeout;
use types::RequestId;

use super::fixture::{Fixture, Tree, admin, by};
use super::suspending::suspend;

type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), tonic::Status>> + Send + 'a>>;
type Change<'a> = Box<dyn Fn() -> Answer<'a> + 'a>;

/// Every change of the first company, in an order in which each is possible, with the event it makes.
fn changes<'a>(fixture: &'a Fixture, tree: &Tree, caller: &'a SignedIn) -> [(&'static str, Change<'a>); 5] {
    macro_rules! change {
        ($method:ident, $message:expr) => {{
            let message = $message;
            let call = move || -> Answer<'a> {
                let request = by(caller, message.clone());
                Box::pin(async move { fixture.rpcs.$method(request).await.map(drop) })
            };
            Box::new(call)
        }};
    }
    let (id, request_id) = (|| tree.company.id.clone(), || RequestId::generate().to_string());
    let add =
        AddRealmRequest { request_id: request_id(), organization_id: id(), realm: "acme.example".into() };
    let suspend =
        SuspendOrganizationRequest { request_id: request_id(), organization_id: id(), ..Default::default() };
    let resume =
        ResumeOrganizationRequest { request_id: request_id(), organization_id: id(), ..Default::default() };
    let moving = MoveCompanyRequest {
        request_id: request_id(),
        company_id: id(),
        reseller_id: tree.other_reseller.id.clone(),
        ..Default::default()
    };
    let delete =
        DeleteOrganizationRequest { request_id: request_id(), organization_id: id(), ..Default::default() };
    [
        ("realm_added", change!(add_realm, add)),
        ("suspended", change!(suspend_organization, suspend)),
        ("resumed", change!(resume_organization, resume)),
        ("moved", change!(move_company, moving)),
        ("deleted", change!(delete_organization, delete)),
    ]
}

/// A moment that is long enough for an answer that need not wait.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn nothing_is_acknowledged_before_both_have_applied_it() {
    let (fixture, tree, [identity, mfa]) = Fixture::with_dependents().await;
    let caller = admin(&tree.provider);
    for (event, call) in changes(&fixture, &tree, &caller) {
        let change = call();
        let apply = async {
            let position = fixture.position_of(&format!("tenant.organization.{event}")).await;
            identity.apply_up_to(position).await;
            position
        };
        let (unanswered, position) = tokio::join!(timeout(MOMENT, change), apply);
        assert!(unanswered.is_err(), "{event} is acknowledged without mfa");
        // A repetition waits again; that identity falls back does not happen, but mfa alone is not enough either.
        mfa.apply_up_to(position).await;
        identity.apply_up_to(position - 1).await;
        assert!(timeout(MOMENT, call()).await.is_err(), "{event} is acknowledged without identity");
        identity.apply_up_to(position).await;
        call().await.unwrap();
    }
    let types: Vec<_> = fixture.events().await.into_iter().skip(5).map(|event| event.r#type).collect();
    let expected = ["realm_added", "suspended", "resumed", "moved", "deleted"];
    assert_eq!(types, expected.map(|event| format!("tenant.organization.{event}")));
}

#[tokio::test]
async fn what_already_is_so_is_acknowledged_no_sooner() {
    let (fixture, tree, [identity, mfa]) = Fixture::with_dependents().await;
    let caller = admin(&tree.reseller);
    timeout(MOMENT, suspend(&fixture, &caller, &tree.company)).await.unwrap_err();
    let position = fixture.position_of("tenant.organization.suspended").await;
    // Suspended it is, but not in force: whoever asks without the request's id waits for it all the same.
    timeout(MOMENT, suspend(&fixture, &caller, &tree.company)).await.unwrap_err();
    identity.apply_up_to(position).await;
    mfa.apply_up_to(position).await;
    suspend(&fixture, &caller, &tree.company).await.unwrap();
    assert_eq!(fixture.events().await.len(), 6);
}
