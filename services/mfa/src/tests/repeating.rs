//! Requests that are told twice, and callers who have seen an older state.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::{DisableMfaRequest, EnforceMfaRequest, EnforcementState, ReenableMfaRequest};
use types::RequestId;

use super::enforcing::{company, user};
use super::fixture::{Fixture, by, refusal, session};

#[tokio::test]
async fn a_request_that_changed_nothing_changes_nothing_when_it_is_repeated() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    fixture.enforce(actor, target.clone()).await.unwrap();
    let caller = session(actor);
    let request = EnforceMfaRequest {
        request_id: RequestId::generate().to_string(),
        target: target.clone(),
        ..Default::default()
    };
    // It is so already. Then somebody changes it, and the same request comes again, late.
    fixture.policy.enforce_mfa(by(&caller, request.clone())).await.unwrap();
    fixture.disable(actor, target).await.unwrap();
    let again = fixture.policy.enforce_mfa(by(&caller, request.clone())).await.unwrap().into_inner();
    assert_eq!(again.enforcement.unwrap().own_state(), EnforcementState::Disabled);
    assert_eq!(fixture.count("event").await, 2);
    // It waited for the event that had made it so.
    let awaited = fixture.peers.awaited();
    assert_eq!((awaited[1], awaited[3]), (awaited[0], awaited[0]));
    let other = EnforceMfaRequest { require_enrollment_ticket: true, ..request };
    assert_eq!(refusal(fixture.policy.enforce_mfa(by(&caller, other)).await), Reason::RequestIdReused);
}

#[tokio::test]
async fn every_change_can_be_made_to_depend_on_what_was_seen() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.reseller_admin);
    for target in [company(&tree.company), user(&tree.company_user)] {
        let seen = fixture.enforce(&tree.reseller_admin, target.clone()).await.unwrap().etag;
        let disable = |etag: &str| DisableMfaRequest {
            target: target.clone(),
            reason: "lost phone".to_owned(),
            etag: etag.to_owned(),
            ..Default::default()
        };
        let answer = fixture.policy.disable_mfa(by(&caller, disable(&seen))).await.unwrap().into_inner();
        let now = answer.enforcement.unwrap().etag;
        assert_ne!(seen, now);
        let stale = fixture.policy.disable_mfa(by(&caller, disable(&seen))).await;
        assert_eq!(refusal(stale), Reason::EtagMismatch);
        let reenable = |etag: &str| ReenableMfaRequest {
            target: target.clone(),
            etag: etag.to_owned(),
            ..Default::default()
        };
        let stale = fixture.policy.reenable_mfa(by(&caller, reenable(&seen))).await;
        assert_eq!(refusal(stale), Reason::EtagMismatch);
        let enforce = EnforceMfaRequest { target: target.clone(), etag: seen, ..Default::default() };
        assert_eq!(refusal(fixture.policy.enforce_mfa(by(&caller, enforce)).await), Reason::EtagMismatch);
        fixture.policy.reenable_mfa(by(&caller, reenable(&now))).await.unwrap();
    }
}
