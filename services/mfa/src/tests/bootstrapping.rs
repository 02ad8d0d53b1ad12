//! The first administrator.

use fault::Reason;
use proto::events::ActorKind;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{Demand, IssueBootstrapTicketRequest};
use wire::UserFacts;

use super::fixture::{Fixture, from_identity, refusal};

async fn issue(fixture: &Fixture, user: &UserFacts) -> Result<String, tonic::Status> {
    let request = IssueBootstrapTicketRequest { user: Some(user.to_wire()) };
    let answer = fixture.verification.issue_bootstrap_ticket(from_identity(request)).await?;
    Ok(answer.into_inner().enrollment_ticket)
}

#[tokio::test]
async fn the_first_administrator_enrols_with_the_ticket_and_never_with_a_password_alone() {
    let (fixture, tree) = Fixture::with_tree().await;
    let admin = &tree.provider_admin;
    let earlier = issue(&fixture, admin).await.unwrap();
    let sign_in = fixture.sign_in(admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Enroll);
    assert_eq!(refusal(fixture.begin(&sign_in, "").await.map(drop)), Reason::EnrollmentTicketRequired);
    fixture.begin(&sign_in, &earlier).await.unwrap();
    // A retry replaces the ticket and everything begun with it.
    let ticket = issue(&fixture, admin).await.unwrap();
    assert_eq!(refusal(fixture.begin(&sign_in, &earlier).await.map(drop)), Reason::EnrollmentTicketRefused);
    // On Monday it is still good.
    fixture.tick(60 * 60 * 24 * 6);
    let phone = fixture.begin(&sign_in, &ticket).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    assert_eq!(refusal(issue(&fixture, admin).await), Reason::AlreadyBootstrapped);

    let events = fixture.events().await;
    assert_eq!(events[0].r#type, "mfa.enforcement.enforced");
    assert_eq!(events[0].actor.as_ref().unwrap().kind(), ActorKind::Operator);
    let issued = events.iter().filter(|event| event.r#type == "mfa.ticket.issued").count();
    assert_eq!(issued, 2);
}

#[tokio::test]
async fn only_provider_administrators_get_one() {
    let (fixture, tree) = Fixture::with_tree().await;
    assert_eq!(refusal(issue(&fixture, &tree.reseller_admin).await), Reason::RoleNotAllowed);
    assert_eq!(fixture.count("enrollment_ticket").await, 0);
}
