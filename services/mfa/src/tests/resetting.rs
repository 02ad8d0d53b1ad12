//! `ResetMfa`.

use fault::Reason;
use proto::events::event::Payload;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Demand, ResetMfaRequest, ResetMfaResponse};
use tonic::Status;
use wire::UserFacts;

use super::enforcing::company;
use super::fixture::{Fixture, by, refusal, session};

impl Fixture {
    pub(super) async fn reset(
        &self,
        actor: &UserFacts,
        user: &UserFacts,
    ) -> Result<ResetMfaResponse, Status> {
        let request = ResetMfaRequest {
            user_id: user.id.to_string(),
            reason: "lost phone".into(),
            ticket_reference: "HD-4711".into(),
            ..Default::default()
        };
        self.factors.reset_mfa(by(&session(actor), request)).await.map(tonic::Response::into_inner)
    }
}

#[tokio::test]
async fn a_reset_destroys_what_is_configured_demands_a_new_enrolment_and_hands_out_a_ticket() {
    let (fixture, tree) = Fixture::with_tree().await;
    let old = fixture.enroll(&tree.company_user).await;
    let open = fixture.sign_in(&tree.company_user).await;
    let issued = fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(fixture.count("factor").await, 0);
    assert_eq!(refusal(fixture.verify(&open, &old.code(&fixture)).await), Reason::GenerationOutdated);

    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(sign_in.told.demand(), Demand::Enroll);
    let phone = fixture.begin(&sign_in, &issued.enrollment_ticket).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();

    let events = fixture.events().await;
    let reset = events.iter().find(|event| event.r#type == "mfa.factor.reset").unwrap();
    let Some(Payload::FactorReset(payload)) = &reset.payload else { panic!() };
    assert_eq!((payload.generation, payload.policy_version), (2, 1));
    assert_eq!((payload.reason.as_str(), payload.ticket_reference.as_str()), ("lost phone", "HD-4711"));
    assert_eq!(payload.destroyed_factor_ids.len(), 1);
    assert!(events.iter().any(|event| event.r#type == "mfa.ticket.issued"));
    assert!(events.iter().all(|event| !format!("{event:?}").contains(&issued.enrollment_ticket)));
}

#[tokio::test]
async fn a_reset_opens_every_lock() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for code in phone.wrong_codes(&fixture, 5) {
        refusal(fixture.verify(&sign_in, &code).await);
    }
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    let new = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &new.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn nobody_resets_themselves_their_superiors_or_strangers() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_admin).await;
    for (actor, user, reason) in [
        (&tree.company_admin, &tree.company_admin, Reason::SelfAdministration),
        (&tree.company_admin, &tree.reseller_admin, Reason::NotFound),
        (&tree.other_reseller_admin, &tree.company_admin, Reason::NotFound),
    ] {
        assert_eq!(refusal(fixture.reset(actor, user).await), reason);
    }
    let request = ResetMfaRequest { user_id: tree.company_user.id.to_string(), ..Default::default() };
    let refused = fixture.factors.reset_mfa(by(&session(&tree.company_admin), request)).await;
    assert_eq!(refusal(refused), Reason::InvalidArgument);
    assert_eq!(fixture.count("factor").await, 1);
    assert_eq!(fixture.count("enrollment_ticket").await, 0);
}

#[tokio::test]
async fn a_reset_that_is_not_in_force_yet_stands_and_can_be_repeated() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    fixture.enroll(&tree.company_user).await;
    fixture.peers.set_behind(true);
    let late = fixture.reset(&tree.reseller_admin, &tree.company_user).await;
    assert_eq!(refusal(late), Reason::NotYetInForce);
    assert_eq!(fixture.count("factor").await, 0);
    fixture.peers.set_behind(false);
    let again = fixture.reset(&tree.reseller_admin, &tree.company_user).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&sign_in, &again.enrollment_ticket).await.unwrap();
    assert_eq!(fixture.count("enrollment_ticket").await, 1);
}
