//! A confirmation whose answer was lost: the recovery codes are shown again to whoever asked, and a wrong code counts once.

use std::sync::Arc;

use access::SignedIn;
use fault::Reason;
use proto::events::event::Payload;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{ConfirmEnrollmentRequest, ConfirmSignInEnrollmentRequest};
use tokio::task::JoinSet;
use tonic::{Request, Status};
use types::{AttemptId, RequestId};

use super::fixture::{Fixture, SignIn, by, from_identity, refusal, session};

const KEY: [u8; 32] = [7; 32];

impl SignIn {
    fn confirm_as(
        &self,
        code: &str,
        attempt: AttemptId,
        key: &[u8],
    ) -> Request<ConfirmSignInEnrollmentRequest> {
        let request = self.confirm(code).into_inner();
        let (attempt_id, replay_key) = (attempt.to_string(), key.to_vec());
        from_identity(ConfirmSignInEnrollmentRequest { attempt_id, replay_key, ..request })
    }
}

impl Fixture {
    async fn confirm_with(
        &self,
        request: Request<ConfirmSignInEnrollmentRequest>,
    ) -> Result<Vec<String>, Status> {
        let answer = self.verification.confirm_sign_in_enrollment(request).await;
        answer.map(|answer| answer.into_inner().recovery_codes)
    }

    async fn confirm_session(
        &self,
        caller: &SignedIn,
        code: &str,
        request_id: RequestId,
    ) -> Result<Vec<String>, Status> {
        let request = ConfirmEnrollmentRequest { code: code.into(), request_id: request_id.to_string() };
        let answer = self.factors.confirm_enrollment(by(caller, request)).await;
        answer.map(|answer| answer.into_inner().recovery_codes)
    }

    async fn wrong_confirmations(&self) -> i32 {
        self.rows.query_one("SELECT wrong_codes FROM pending_enrollment", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn the_same_attempt_gets_the_same_codes_and_they_are_the_ones_that_become_good() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let code = phone.code(&fixture);
    let first = fixture.confirm_with(sign_in.confirm_as(&code, attempt, &KEY)).await.unwrap();
    assert_eq!(first.len(), 10);
    let before = fixture.count("event").await;
    fixture.tick(9 * 60);
    let again = fixture.confirm_with(sign_in.confirm_as(&code, attempt, &KEY)).await.unwrap();
    assert_eq!((&again, fixture.count("event").await), (&first, before));
    // Not with another token's key, nor another code, nor in another sign-in.
    for other in [
        sign_in.confirm_as(&code, attempt, &[8; 32]),
        sign_in.confirm_as(&phone.wrong_codes(&fixture, 1)[0], attempt, &KEY),
    ] {
        assert_eq!(refusal(fixture.confirm_with(other).await), Reason::RequestIdReused);
    }
    let elsewhere = fixture.sign_in(&tree.company_user).await;
    let other = fixture.confirm_with(elsewhere.confirm_as(&code, attempt, &KEY)).await;
    assert_eq!(refusal(other), Reason::CodeRefused);
    let short = fixture.confirm_with(sign_in.confirm_as(&code, attempt, b"short")).await;
    assert_eq!(refusal(short), Reason::InvalidArgument);

    fixture.acknowledge(&sign_in).await.unwrap();
    let late = fixture.confirm_with(sign_in.confirm_as(&code, attempt, &KEY)).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
    let next = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&next, &first[3]).await.unwrap();
}

#[tokio::test]
async fn a_wrong_code_counts_once_under_its_attempt() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    // With and without a key that its answer could be kept with.
    for (key, wrong) in [KEY.as_slice(), &[]].into_iter().zip(phone.wrong_codes(&fixture, 2)) {
        let attempt = AttemptId::generate();
        for _ in 0..4 {
            let refused = fixture.confirm_with(sign_in.confirm_as(&wrong, attempt, key)).await;
            assert_eq!(refusal(refused), Reason::CodeRefused);
        }
    }
    assert_eq!(fixture.wrong_confirmations().await, 2);
    let events = fixture.events().await;
    let refused: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.payload {
            Some(Payload::EnrollmentRefused(refused)) => Some(refused),
            _ => None,
        })
        .collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|refused| refused.sign_in_id == sign_in.id.to_string()));
}

#[tokio::test]
async fn where_the_answer_could_not_be_kept_a_fresh_code_proves_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let code = phone.code(&fixture);
    let first = fixture.confirm_with(sign_in.confirm_as(&code, attempt, &[])).await.unwrap();
    let again = fixture.confirm_with(sign_in.confirm_as(&code, attempt, &[])).await;
    assert_eq!(refusal(again), Reason::CodeRefused);
    let fresh = phone.code_at(&fixture, 1);
    let second = fixture.confirm_with(sign_in.confirm_as(&fresh, AttemptId::generate(), &[])).await.unwrap();
    assert_ne!(first, second);
    fixture.acknowledge(&sign_in).await.unwrap();
    let next = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&next, &first[0]).await), Reason::CodeRefused);
    fixture.recover(&next, &second[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_at_once_all_see_the_same_codes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    let code = phone.code(&fixture);
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (replica, request) =
            (Arc::clone(&replicas[number % 2]), sign_in.confirm_as(&code, attempt, &KEY));
        tasks.spawn(async move { replica.confirm_sign_in_enrollment(request).await.unwrap().into_inner() });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    let types = fixture.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "mfa.enrollment.confirmed").count(), 1);
}

#[tokio::test]
async fn in_a_session_the_request_id_does_the_same() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.company_user);
    let phone = fixture.begin_in(&caller, "").await.unwrap();
    let (wrong, request) = (phone.wrong_codes(&fixture, 1).remove(0), RequestId::generate());
    for _ in 0..6 {
        let refused = fixture.confirm_session(&caller, &wrong, request).await;
        assert_eq!(refusal(refused), Reason::CodeRefused);
    }
    assert_eq!(fixture.wrong_confirmations().await, 1);
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.confirm_session(&caller, &code, request).await), Reason::RequestIdReused);
    let request = RequestId::generate();
    let first = fixture.confirm_session(&caller, &code, request).await.unwrap();
    assert_eq!(fixture.confirm_session(&caller, &code, request).await.unwrap(), first);
    // Another user's request of the same id is another request.
    let other = session(&tree.company_admin);
    let refused = fixture.confirm_session(&other, &code, request).await;
    assert_eq!(refusal(refused), Reason::EnrollmentNotFound);
    fixture.acknowledge_in(&caller).await.unwrap();
    let late = fixture.confirm_session(&caller, &code, request).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
}
