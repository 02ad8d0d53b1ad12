//! Answers that hold a secret and were lost: the same request gets the same one, for ten minutes, while it is worth anything.

use std::sync::Arc;

use access::SignedIn;
use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{IssueEnrollmentTicketRequest, RemoveFactorRequest, ResetMfaRequest, ResetMfaResponse};
use tokio::task::JoinSet;
use tonic::Status;
use types::{RequestId, Role};
use wire::UserFacts;

use super::fixture::{Fixture, by, refusal, session, session_in};
use crate::rpc::FactorHandlers;

impl Fixture {
    async fn reset_as(
        &self,
        caller: &SignedIn,
        user: &UserFacts,
        request_id: RequestId,
    ) -> Result<ResetMfaResponse, Status> {
        self.factors.reset_mfa(by(caller, reset(user, request_id))).await.map(tonic::Response::into_inner)
    }

    async fn issue_as(
        &self,
        caller: &SignedIn,
        user: &UserFacts,
        request_id: RequestId,
    ) -> Result<String, Status> {
        let request = IssueEnrollmentTicketRequest {
            user_id: user.id.to_string(),
            reason: "first day".into(),
            request_id: request_id.to_string(),
        };
        let answer = self.policy.issue_enrollment_ticket(by(caller, request)).await?;
        Ok(answer.into_inner().enrollment_ticket)
    }

    async fn remove_as(
        &self,
        caller: &SignedIn,
        factor: &str,
        code: &str,
        request_id: RequestId,
    ) -> Result<(), Status> {
        let (factor_id, code, request_id) = (factor.to_owned(), code.to_owned(), request_id.to_string());
        let request = RemoveFactorRequest { factor_id, code, request_id };
        self.factors.remove_factor(by(caller, request)).await.map(drop)
    }

    async fn how_many(&self, event_type: &str) -> usize {
        self.event_types().await.iter().filter(|name| *name == event_type).count()
    }
}

fn reset(user: &UserFacts, request_id: RequestId) -> ResetMfaRequest {
    ResetMfaRequest {
        request_id: request_id.to_string(),
        user_id: user.id.to_string(),
        reason: "lost phone".into(),
        ticket_reference: String::new(),
    }
}

#[tokio::test]
async fn a_repeated_reset_resets_once_hands_out_the_same_ticket_and_waits_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let (caller, request) = (session(&tree.company_admin), RequestId::generate());
    fixture.peers.set_behind(true);
    let behind = fixture.reset_as(&caller, &tree.company_user, request).await;
    assert_eq!(refusal(behind), Reason::NotYetInForce);
    fixture.peers.set_behind(false);
    let first = fixture.reset_as(&caller, &tree.company_user, request).await.unwrap();
    fixture.tick(9 * 60);
    assert_eq!(fixture.reset_as(&caller, &tree.company_user, request).await.unwrap(), first);
    assert_eq!(
        (fixture.how_many("mfa.factor.reset").await, fixture.count("enrollment_ticket").await),
        (1, 1)
    );
    let awaited = fixture.peers.awaited();
    assert!(awaited.len() == 3 && awaited.iter().all(|event| *event == awaited[0]));
    // It is the ticket that lets the user enrol.
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&sign_in, &first.enrollment_ticket).await.unwrap();
    // The same id for somebody else, or for another reason.
    let other = fixture.reset_as(&caller, &tree.provider_admin, request).await;
    assert_eq!(refusal(other), Reason::NotFound);
    let colleague = fixture.create_user(&tree.company, Role::CompanyUser, false).await;
    let other = fixture.reset_as(&caller, &colleague, request).await;
    assert_eq!(refusal(other), Reason::RequestIdReused);
}

#[tokio::test]
async fn once_the_user_has_enrolled_a_late_repetition_destroys_nothing_and_shows_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let (caller, request) = (session(&tree.company_admin), RequestId::generate());
    fixture.reset_as(&caller, &tree.company_user, request).await.unwrap();
    let phone = fixture.enroll(&tree.company_user).await;
    let late = fixture.reset_as(&caller, &tree.company_user, request).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    // After ten minutes it is forgotten, and a reset like any other.
    fixture.tick(10 * 60);
    fixture.reset_as(&caller, &tree.company_user, request).await.unwrap();
    assert_eq!(fixture.count("factor").await, 0);
}

#[tokio::test]
async fn whoever_may_not_ask_any_more_gets_no_kept_answer() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (caller, request) = (session(&tree.company_admin), RequestId::generate());
    fixture.reset_as(&caller, &tree.company_user, request).await.unwrap();
    let demoted = SignedIn { role: Role::CompanyUser, ..caller.clone() };
    let refused = fixture.reset_as(&demoted, &tree.company_user, request).await;
    assert_eq!(refusal(refused), Reason::RoleNotAllowed);
    // The id is the caller's own: another administrator's is another request, with a ticket of its own.
    let other = session(&tree.reseller_admin);
    let own = fixture.reset_as(&other, &tree.company_user, request).await.unwrap();
    assert_eq!(fixture.how_many("mfa.factor.reset").await, 2);
    let late = fixture.reset_as(&caller, &tree.company_user, request).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
    assert_eq!(fixture.reset_as(&other, &tree.company_user, request).await.unwrap(), own);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_resets_at_once_are_one_with_one_ticket() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let (caller, request) = (session(&tree.company_admin), RequestId::generate());
    let handlers = Arc::new(FactorHandlers(Arc::clone(&fixture.mfa)));
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let handlers = Arc::clone(&handlers);
        let request = by(&caller, reset(&tree.company_user, request));
        tasks.spawn(async move { handlers.reset_mfa(request).await.unwrap().into_inner() });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(fixture.how_many("mfa.factor.reset").await, 1);
}

#[tokio::test]
async fn a_repeated_issue_gives_the_same_ticket_and_voids_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (caller, request) = (session(&tree.company_admin), RequestId::generate());
    let first = fixture.issue_as(&caller, &tree.company_user, request).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, &first).await.unwrap();
    // The enrolment under way lives on.
    assert_eq!(fixture.issue_as(&caller, &tree.company_user, request).await.unwrap(), first);
    assert_eq!(fixture.how_many("mfa.ticket.issued").await, 1);
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    let late = fixture.issue_as(&caller, &tree.company_user, request).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
    let late = fixture.issue_as(&caller, &tree.company_user, RequestId::generate()).await;
    assert_eq!(refusal(late), Reason::FactorExists);
}

#[tokio::test]
async fn a_repeated_removal_succeeds_once_and_a_wrong_code_counts_once() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let factor = fixture.factors_of(&caller, None).await.unwrap().remove(0).id;
    let (wrong, request) = (phone.wrong_codes(&fixture, 1).remove(0), RequestId::generate());
    for _ in 0..6 {
        let refused = fixture.remove_as(&caller, &factor, &wrong, request).await;
        assert_eq!(refusal(refused), Reason::CodeRefused);
    }
    assert_eq!(fixture.how_many("mfa.verification.refused").await, 1);
    let code = phone.code(&fixture);
    let reused = fixture.remove_as(&caller, &factor, &code, request).await;
    assert_eq!(refusal(reused), Reason::RequestIdReused);
    let request = RequestId::generate();
    fixture.peers.set_behind(true);
    let behind = fixture.remove_as(&caller, &factor, &code, request).await;
    assert_eq!(refusal(behind), Reason::NotYetInForce);
    fixture.peers.set_behind(false);
    fixture.remove_as(&caller, &factor, &code, request).await.unwrap();
    assert_eq!(fixture.how_many("mfa.factor.removed").await, 1);
    let again = fixture.remove_as(&caller, &factor, &code, RequestId::generate()).await;
    assert_eq!(refusal(again), Reason::FactorMissing);
}

#[tokio::test]
async fn the_kept_answers_tell_the_database_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let factor = fixture.factors_of(&caller, None).await.unwrap().remove(0).id;
    let code = phone.code(&fixture);
    fixture.remove_as(&caller, &factor, &code, RequestId::generate()).await.unwrap();
    let admin = session(&tree.company_admin);
    let ticket = fixture.reset_as(&admin, &tree.company_user, RequestId::generate()).await.unwrap();
    let rows = fixture.rows.query("SELECT r::text, answer FROM request_record r", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let (text, answer) = (row.get::<_, String>(0), row.get::<_, Vec<u8>>(1));
        for secret in [code.as_bytes(), ticket.enrollment_ticket.as_bytes()] {
            assert!(!answer.windows(secret.len()).any(|window| window == secret));
        }
        assert!(!text.contains(&ticket.enrollment_ticket));
    }
}
