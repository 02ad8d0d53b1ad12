//! Enrolment tickets.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{EnforceMfaRequest, ResetMfaRequest, Target, target};
use types::Token;
use wire::UserFacts;

use super::fixture::{Fixture, Tree, by, refusal, session};

/// The company's users enrol only with a ticket.
async fn demand_tickets(fixture: &Fixture, tree: &Tree) {
    let request = EnforceMfaRequest {
        target: Some(Target {
            target: Some(target::Target::CompanyId(tree.company.organization_id().to_string())),
        }),
        require_enrollment_ticket: true,
        ..Default::default()
    };
    fixture.policy.enforce_mfa(by(&session(&tree.reseller_admin), request)).await.unwrap();
}

async fn issue(fixture: &Fixture, tree: &Tree, user: &UserFacts) -> String {
    let request =
        ResetMfaRequest { user_id: user.id.to_string(), reason: "new".into(), ..Default::default() };
    let answer = fixture.factors.reset_mfa(by(&session(&tree.reseller_admin), request)).await.unwrap();
    answer.into_inner().enrollment_ticket
}

#[tokio::test]
async fn where_a_ticket_is_demanded_nobody_enrols_without_the_right_one() {
    let (fixture, tree) = Fixture::with_tree().await;
    demand_tickets(&fixture, &tree).await;
    let ticket = issue(&fixture, &tree, &tree.company_admin).await;
    let foreign = issue(&fixture, &tree, &tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.begin(&sign_in, "").await.map(drop)), Reason::EnrollmentTicketRequired);
    let unknown = Token::generate().unwrap();
    for wrong in [foreign.as_str(), unknown.expose(), "not a ticket"] {
        assert_eq!(refusal(fixture.begin(&sign_in, wrong).await.map(drop)), Reason::EnrollmentTicketRefused);
    }
    let phone = fixture.begin(&sign_in, &ticket).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    let spent = "SELECT count(*) FROM enrollment_ticket WHERE spent_time IS NOT NULL";
    assert_eq!(fixture.rows.query_one(spent, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_ticket_serves_one_enrolment_at_a_time_and_an_abandoned_one_gives_it_free() {
    let (fixture, tree) = Fixture::with_tree().await;
    demand_tickets(&fixture, &tree).await;
    let ticket = issue(&fixture, &tree, &tree.company_admin).await;
    let [first, second] =
        [fixture.sign_in(&tree.company_admin).await, fixture.sign_in(&tree.company_admin).await];
    fixture.begin(&first, &ticket).await.unwrap();
    assert_eq!(refusal(fixture.begin(&second, &ticket).await.map(drop)), Reason::EnrollmentTicketRefused);
    // The same sign-in may begin again.
    fixture.begin(&first, &ticket).await.unwrap();
    fixture.tick(15 * 60);
    let phone = fixture.begin(&second, &ticket).await.unwrap();
    fixture.confirm(&second, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&second).await.unwrap();
}

#[tokio::test]
async fn a_ticket_expires_and_a_new_one_voids_it() {
    let (fixture, tree) = Fixture::with_tree().await;
    demand_tickets(&fixture, &tree).await;
    let old = issue(&fixture, &tree, &tree.company_admin).await;
    let new = issue(&fixture, &tree, &tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.begin(&sign_in, &old).await.map(drop)), Reason::EnrollmentTicketRefused);
    fixture.tick(60 * 60 * 24);
    assert_eq!(refusal(fixture.begin(&sign_in, &new).await.map(drop)), Reason::EnrollmentTicketRefused);
}
