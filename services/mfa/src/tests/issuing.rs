//! `IssueEnrollmentTicket`, and what a demanded ticket stands in the way of.

use fault::Reason;
use proto::events::event::Payload;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, BeginSignInEnrollmentResponse,
    ConfirmEnrollmentRequest, EnforceMfaRequest, IssueEnrollmentTicketRequest, Target,
};
use time::Duration;
use tonic::Status;
use types::{AuthSource, Role};
use wire::{UserFacts, timestamp_to_wire};

use super::enforcing::{company, user};
use super::fixture::{Fixture, Phone, by, refusal, session, stranger};

impl Fixture {
    pub(super) async fn issue(&self, actor: &UserFacts, to: &UserFacts) -> Result<String, Status> {
        let request = IssueEnrollmentTicketRequest {
            user_id: to.id.to_string(),
            reason: "first day".into(),
            ..Default::default()
        };
        let answer = self.policy.issue_enrollment_ticket(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enrollment_ticket)
    }

    async fn demand_tickets(&self, actor: &UserFacts, target: Option<Target>, days: i64) {
        let from = clock::Clock::now(&self.clock) + Duration::days(days);
        let enforce_from = (days > 0).then(|| timestamp_to_wire(from));
        let request =
            EnforceMfaRequest { target, enforce_from, require_enrollment_ticket: true, ..Default::default() };
        self.policy.enforce_mfa(by(&session(actor), request)).await.unwrap();
    }
}

#[tokio::test]
async fn an_issued_ticket_lets_its_user_enrol_once() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.demand_tickets(&tree.reseller_admin, company(&tree.company), 0).await;
    let first = fixture.issue(&tree.company_admin, &tree.company_user).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&sign_in, &first).await.unwrap();
    // Another is issued: the first is dead, and with it what was begun with it.
    let second = fixture.issue(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(refusal(fixture.confirm(&sign_in, "000000").await), Reason::EnrollmentNotFound);
    assert_eq!(refusal(fixture.begin(&sign_in, &first).await.map(drop)), Reason::EnrollmentTicketRefused);
    let phone = fixture.begin(&sign_in, &second).await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    let refused = fixture.issue(&tree.company_admin, &tree.company_user).await;
    assert_eq!(refusal(refused), Reason::FactorExists);

    let events = fixture.events().await;
    let issued = |event: &proto::events::Event| match &event.payload {
        Some(Payload::TicketIssued(issued)) => Some((issued.required, issued.reason.clone())),
        _ => None,
    };
    let told: Vec<_> = events.iter().filter_map(issued).collect();
    assert_eq!(told, [(true, "first day".to_owned()), (true, "first day".to_owned())]);
    assert!(events.iter().all(|event| {
        let text = format!("{event:?}");
        !text.contains(&first) && !text.contains(&second)
    }));
}

#[tokio::test]
async fn who_may_issue_is_who_may_enforce() {
    let (fixture, tree) = Fixture::with_tree().await;
    let auditor = fixture.create_user(&tree.company, Role::CompanyAuditor, false).await;
    let external = fixture.peers.add_user(&tree.company, Role::CompanyUser, AuthSource::External);
    let nobody = UserFacts { id: stranger(), ..tree.company_user.clone() };
    for (actor, to, reason) in [
        (&tree.company_admin, &tree.company_admin, Reason::SelfAdministration),
        (&tree.company_user, &tree.company_admin, Reason::RoleNotAllowed),
        (&auditor, &tree.company_user, Reason::RoleNotAllowed),
        (&tree.other_reseller_admin, &tree.company_user, Reason::NotFound),
        (&tree.other_reseller_admin, &nobody, Reason::NotFound),
        (&tree.company_admin, &tree.reseller_admin, Reason::NotFound),
        (&tree.reseller_admin, &external, Reason::UserNotLocal),
    ] {
        assert_eq!(refusal(fixture.issue(actor, to).await), reason);
    }
    assert_eq!(fixture.count("enrollment_ticket").await, 0);
    fixture.issue(&tree.provider_admin, &tree.company_user).await.unwrap();
}

#[tokio::test]
async fn a_password_cannot_run_ahead_of_an_announced_demand_for_tickets() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.demand_tickets(&tree.reseller_admin, company(&tree.company), 7).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert!(!sign_in.told.enforced);
    let refused = fixture.begin(&sign_in, "").await.map(drop);
    assert_eq!(refusal(refused), Reason::EnrollmentTicketRequired);
    let in_session = by(&session(&tree.company_user), BeginEnrollmentRequest::default());
    let refused = fixture.factors.begin_enrollment(in_session).await;
    assert_eq!(refusal(refused), Reason::EnrollmentTicketRequired);
}

#[tokio::test]
async fn nor_ahead_of_one_that_comes_while_it_enrols() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.company_user);
    let begin = |ticket: &str| {
        let request = BeginEnrollmentRequest { enrollment_ticket: ticket.to_owned(), ..Default::default() };
        fixture.factors.begin_enrollment(by(&caller, request))
    };
    let begun = begin("").await.unwrap().into_inner();
    let scan = |begun: proto::mfa::BeginEnrollmentResponse| {
        let secret_base32 = begun.secret_base32;
        Phone::scan(BeginSignInEnrollmentResponse { secret_base32, ..Default::default() })
    };
    let phone = scan(begun);
    let confirm = |code: String| {
        let request = ConfirmEnrollmentRequest { code, ..Default::default() };
        fixture.factors.confirm_enrollment(by(&caller, request))
    };
    confirm(phone.code(&fixture)).await.unwrap();
    fixture.demand_tickets(&tree.company_admin, user(&tree.company_user), 0).await;
    let acknowledge =
        || fixture.factors.acknowledge_enrollment(by(&caller, AcknowledgeEnrollmentRequest::default()));
    assert_eq!(refusal(acknowledge().await), Reason::EnrollmentTicketRequired);
    assert_eq!(fixture.count("factor").await, 0);
    assert_eq!(fixture.event_types().await.pop().unwrap(), "mfa.enrollment.refused");

    let ticket = fixture.issue(&tree.company_admin, &tree.company_user).await.unwrap();
    let phone = scan(begin(&ticket).await.unwrap().into_inner());
    confirm(phone.code(&fixture)).await.unwrap();
    acknowledge().await.unwrap();
}
