//! While nobody vouches for the clock, policy is not changed (R8).

use fault::Reason;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Demand, ResetMfaRequest};

use super::enforcing::{company, user};
use super::fixture::{Fixture, by, refusal, session};

#[tokio::test]
async fn policy_is_changed_and_users_are_reset_only_by_a_trusted_clock() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    fixture.enforce(actor, target.clone()).await.unwrap();
    let phone = fixture.enroll(&tree.company_admin).await;
    let before = fixture.count("event").await;
    fixture.peers.set_clock_wrong(true);
    let reset = || ResetMfaRequest {
        user_id: tree.company_admin.id.to_string(),
        reason: "lost".into(),
        ..Default::default()
    };
    assert_eq!(refusal(fixture.enforce(actor, user(&tree.company_user)).await), Reason::ClockNotTrusted);
    assert_eq!(refusal(fixture.disable(actor, target.clone()).await), Reason::ClockNotTrusted);
    assert_eq!(refusal(fixture.reenable(actor, target.clone()).await), Reason::ClockNotTrusted);
    let refused = fixture.factors.reset_mfa(by(&session(actor), reset())).await;
    assert_eq!(refusal(refused), Reason::ClockNotTrusted);
    // Strangers are told what they are always told.
    let stranger = &tree.other_reseller_admin;
    assert_eq!(refusal(fixture.disable(stranger, target.clone()).await), Reason::NotFound);
    let refused = fixture.factors.reset_mfa(by(&session(stranger), reset())).await;
    assert_eq!(refusal(refused), Reason::NotFound);
    assert_eq!(fixture.count("event").await, before);

    // Who is enrolled signs in as ever.
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Verify);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.peers.set_clock_wrong(false);
    fixture.disable(actor, target).await.unwrap();
}
