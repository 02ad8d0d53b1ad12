//! A recovery code whose answer was lost: the same attempt gets the same verdict, and has no second effect.

use std::sync::Arc;

use fault::Reason;
use proto::events::VerificationRefusal;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{VerifyRecoveryCodeRequest, VerifyRecoveryCodeResponse};
use tokio::task::JoinSet;
use tonic::{Request, Status};
use types::{AttemptId, SignInId};

use super::{Fixture, refusal, refusals, wrong_codes};
use crate::tests::fixture::SignIn;

impl Fixture {
    async fn ask(
        &self,
        request: Request<VerifyRecoveryCodeRequest>,
    ) -> Result<VerifyRecoveryCodeResponse, Status> {
        self.verification.verify_recovery_code(request).await.map(tonic::Response::into_inner)
    }
}

#[tokio::test]
async fn an_accepted_code_is_accepted_again_under_its_attempt_and_spent_once() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let first = fixture.ask(sign_in.recover_as(&codes[0], attempt)).await.unwrap();
    let events = fixture.count("event").await;
    fixture.tick(9 * 60);
    assert_eq!(fixture.ask(sign_in.recover_as(&codes[0], attempt)).await.unwrap(), first);
    assert_eq!(fixture.count("event").await, events);
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 9);

    // The id is good for nothing else: not in another sign-in, not of another user, not later.
    let elsewhere = SignIn { id: SignInId::generate(), ..sign_in.clone() };
    let stranger = fixture.sign_in(&tree.company_admin).await;
    for other in [&elsewhere, &stranger] {
        assert_eq!(refusal(fixture.ask(other.recover_as(&codes[1], attempt)).await), Reason::CodeRefused);
    }
    fixture.tick(60);
    assert_eq!(refusal(fixture.ask(sign_in.recover_as(&codes[1], attempt)).await), Reason::CodeRefused);
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::AttemptReused; 3]);
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 9);
    assert_eq!(fixture.count("recovery_attempts").await, 0);
}

#[tokio::test]
async fn a_wrong_code_counts_once_under_its_attempt() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let wrong = wrong_codes(1).remove(0);
    for _ in 0..7 {
        assert_eq!(refusal(fixture.ask(sign_in.recover_as(&wrong, attempt)).await), Reason::CodeRefused);
    }
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::Wrong]);
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
}

#[tokio::test]
async fn what_changed_meanwhile_makes_a_repetition_outdated() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    fixture.ask(sign_in.recover_as(&codes[0], attempt)).await.unwrap();
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    let again = fixture.ask(sign_in.recover_as(&codes[0], attempt)).await;
    assert_eq!(refusal(again), Reason::GenerationOutdated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_at_once_under_one_attempt_all_are_told_the_same_and_one_code_is_spent() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    for (code, left) in codes.iter().zip([9, 8, 7]) {
        let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.recover_as(code, attempt));
            tasks.spawn(async move { replica.verify_recovery_code(request).await.unwrap().into_inner() });
        }
        let told: Vec<i32> = tasks.join_all().await.iter().map(|answer| answer.recovery_codes_left).collect();
        assert_eq!(told, [left; 20]);
    }
    let types = fixture.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "mfa.recovery_code.used").count(), 3);
}
