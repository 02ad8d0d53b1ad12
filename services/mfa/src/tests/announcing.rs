//! Enforcement from a date on.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Demand, EnforceMfaRequest, Enforcement, EnforcementState, ResetMfaRequest, Target};
use time::Duration;
use tonic::Status;
use wire::{UserFacts, timestamp_to_wire};

use super::enforcing::{company, reseller, user};
use super::fixture::{Fixture, by, refusal, session};

impl Fixture {
    /// Enforces from so many days from now on.
    async fn announce(
        &self,
        actor: &UserFacts,
        target: Option<Target>,
        days: i64,
    ) -> Result<Enforcement, Status> {
        let from = clock::Clock::now(&self.clock) + Duration::days(days);
        let enforce_from = Some(timestamp_to_wire(from));
        let request = EnforceMfaRequest { target, enforce_from, ..Default::default() };
        let answer = self.policy.enforce_mfa(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enforcement.unwrap())
    }
}

const DAY: i64 = 24 * 60 * 60;

#[tokio::test]
async fn before_the_date_users_are_told_and_may_enrol_and_from_then_on_they_must() {
    let (fixture, tree) = Fixture::with_tree().await;
    let announced = fixture.announce(&tree.reseller_admin, company(&tree.company), 7).await.unwrap();
    assert_eq!(announced.own_state(), EnforcementState::Enabled);
    assert_eq!(announced.effective_state(), EnforcementState::Disabled);
    let from = announced.levels[2].enforce_from;
    assert!(from.is_some());
    let told = fixture.evaluate(&tree.company_admin).await.unwrap();
    assert_eq!((told.demand(), told.enforced, told.mfa_required_from), (Demand::None, false, from));

    // One enrols before, another does not.
    let phone = fixture.enroll(&tree.company_user).await;
    fixture.tick(7 * DAY - 30 - 1);
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::None);
    fixture.tick(1);
    let told = fixture.evaluate(&tree.company_admin).await.unwrap();
    assert_eq!((told.demand(), told.enforced, told.mfa_required_from), (Demand::Enroll, true, None));
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn a_reset_does_not_open_it_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.announce(&tree.reseller_admin, company(&tree.company), 7).await.unwrap();
    fixture.announce(&tree.reseller_admin, user(&tree.company_user), 7).await.unwrap();
    let reset = |user_id: &UserFacts| ResetMfaRequest {
        user_id: user_id.id.to_string(),
        reason: "lost".into(),
        ..Default::default()
    };
    let caller = session(&tree.reseller_admin);
    fixture.factors.reset_mfa(by(&caller, reset(&tree.company_user))).await.unwrap();
    assert_eq!(fixture.evaluate(&tree.company_user).await.unwrap().demand(), Demand::Enroll);
    fixture.tick(7 * DAY);
    fixture.factors.reset_mfa(by(&caller, reset(&tree.company_admin))).await.unwrap();
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::Enroll);
}

#[tokio::test]
async fn the_earliest_date_of_all_levels_counts() {
    let (fixture, tree) = Fixture::with_tree().await;
    let early = fixture.announce(&tree.provider_admin, reseller(&tree.reseller), 2).await.unwrap();
    fixture.announce(&tree.reseller_admin, company(&tree.company), 5).await.unwrap();
    let told = fixture.evaluate(&tree.company_admin).await.unwrap();
    assert_eq!(told.mfa_required_from, early.levels[1].enforce_from);
    fixture.tick(2 * DAY);
    let told = fixture.evaluate(&tree.company_admin).await.unwrap();
    assert_eq!((told.demand(), told.mfa_required_from), (Demand::Enroll, None));
}

#[tokio::test]
async fn another_date_is_a_change_with_its_event_and_the_same_is_none() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    for (days, events) in [(7, 1), (7, 1), (9, 2), (-1, 3), (0, 3)] {
        fixture.announce(actor, target.clone(), days).await.unwrap();
        assert_eq!(fixture.count("event").await, events, "{days}");
    }
    // A date that is past means at once.
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::Enroll);
    let refused = fixture.announce(actor, target.clone(), 367).await;
    assert_eq!(refusal(refused), Reason::InvalidArgument);
    // Putting it off is lifting it until then: where it could be disabled it may be, and nowhere else.
    fixture.announce(actor, target.clone(), 3).await.unwrap();
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::None);
    fixture.announce(actor, target.clone(), 0).await.unwrap();
    fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap();
    let refused = fixture.announce(actor, target, 3).await;
    assert_eq!(refusal(refused), Reason::MfaEnforcedByParent);
}

#[tokio::test]
async fn when_the_date_has_come_asking_for_it_again_changes_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    let announced = fixture.announce(actor, target.clone(), 1).await.unwrap();
    fixture.tick(2 * DAY);
    let again = fixture.announce(actor, target.clone(), -1).await.unwrap();
    fixture.enforce(actor, target).await.unwrap();
    // Since when it holds is still told.
    assert_eq!(again.levels[2].enforce_from, announced.levels[2].enforce_from);
    assert_eq!(fixture.count("event").await, 1);
}
