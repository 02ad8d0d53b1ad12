//! Kept answers whose ticket or codes were replaced since, within one generation: what is void is not handed out again.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{
    ConfirmEnrollmentRequest, IssueEnrollmentTicketRequest, RegenerateRecoveryCodesRequest, ResetMfaRequest,
};
use tonic::Status;
use types::RequestId;
use wire::UserFacts;

use super::fixture::{Fixture, by, refusal, session, session_in};

impl Fixture {
    async fn issue_under(
        &self,
        actor: &UserFacts,
        to: &UserFacts,
        request: RequestId,
    ) -> Result<String, Status> {
        let (user_id, request_id) = (to.id.to_string(), request.to_string());
        let request = IssueEnrollmentTicketRequest { user_id, request_id, ..Default::default() };
        let answer = self.policy.issue_enrollment_ticket(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enrollment_ticket)
    }

    async fn reset_under(
        &self,
        actor: &UserFacts,
        of: &UserFacts,
        request: RequestId,
    ) -> Result<String, Status> {
        let (user_id, request_id) = (of.id.to_string(), request.to_string());
        let request =
            ResetMfaRequest { user_id, request_id, reason: "lost".into(), ..ResetMfaRequest::default() };
        let answer = self.factors.reset_mfa(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enrollment_ticket)
    }
}

#[tokio::test]
async fn a_ticket_that_another_one_replaced() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, user) = (&tree.company_admin, &tree.company_user);
    let [reset, first, second] = [(); 3].map(|()| RequestId::generate());
    let of_reset = fixture.reset_under(actor, user, reset).await.unwrap();
    assert_eq!(fixture.reset_under(actor, user, reset).await.unwrap(), of_reset);
    let replaced = fixture.issue_under(actor, user, first).await.unwrap();
    assert_eq!(fixture.issue_under(actor, user, first).await.unwrap(), replaced);
    assert_eq!(refusal(fixture.reset_under(actor, user, reset).await), Reason::GenerationOutdated);
    let good = fixture.issue_under(actor, user, second).await.unwrap();
    assert_eq!(refusal(fixture.issue_under(actor, user, first).await), Reason::GenerationOutdated);
    // A late repetition has not voided it either.
    assert_eq!(fixture.issue_under(actor, user, second).await.unwrap(), good);
    let sign_in = fixture.sign_in(user).await;
    fixture.begin(&sign_in, &good).await.unwrap();
}

#[tokio::test]
async fn recovery_codes_that_other_ones_replaced() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, _) = fixture.enroll_with_codes(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let regenerate = async |code: &str, request: RequestId| {
        let (code, request_id) = (code.to_owned(), request.to_string());
        let request = RegenerateRecoveryCodesRequest { code, request_id };
        let answer = fixture.factors.regenerate_recovery_codes(by(&caller, request)).await?;
        Ok::<_, Status>(answer.into_inner().recovery_codes)
    };
    let (code, request) = (phone.code(&fixture), RequestId::generate());
    let first = regenerate(&code, request).await.unwrap();
    // Those of them that are spent do not make the answer void.
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&sign_in, &first[0]).await.unwrap();
    assert_eq!(regenerate(&code, request).await.unwrap(), first);
    fixture.tick(30);
    regenerate(&phone.code(&fixture), RequestId::generate()).await.unwrap();
    assert_eq!(refusal(regenerate(&code, request).await), Reason::GenerationOutdated);
}

#[tokio::test]
async fn recovery_codes_of_an_enrolment_that_was_proved_again_or_begun_anew() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.company_user);
    let confirm = async |code: &str, request: RequestId| {
        let (code, request_id) = (code.to_owned(), request.to_string());
        let request = ConfirmEnrollmentRequest { code, request_id };
        let answer = fixture.factors.confirm_enrollment(by(&caller, request)).await?;
        Ok::<_, Status>(answer.into_inner().recovery_codes)
    };
    let phone = fixture.begin_in(&caller, "").await.unwrap();
    let [first, second] = [(); 2].map(|()| RequestId::generate());
    let (code, fresh) = (phone.code(&fixture), phone.code_at(&fixture, 1));
    let shown = confirm(&code, first).await.unwrap();
    assert_eq!(confirm(&code, first).await.unwrap(), shown);
    let present = confirm(&fresh, second).await.unwrap();
    assert_eq!(refusal(confirm(&code, first).await), Reason::GenerationOutdated);
    assert_eq!(confirm(&fresh, second).await.unwrap(), present);
    fixture.begin_in(&caller, "").await.unwrap();
    assert_eq!(refusal(confirm(&fresh, second).await), Reason::GenerationOutdated);
}
