//! A code whose answer was lost: the same attempt gets the same verdict, and has no second effect.

use std::sync::Arc;

use fault::Reason;
use proto::events::VerificationRefusal;
use proto::events::event::Payload;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{VerifyCodeRequest, VerifyCodeResponse};
use tokio::task::JoinSet;
use tonic::{Request, Status};
use types::{AttemptId, EventId, SessionId, SignInId};

use super::enforcing::company;
use super::fixture::{Fixture, SignIn, from_identity, refusal};
use super::verifying::refusals;

impl SignIn {
    fn verify_as(&self, code: &str, attempt: AttemptId) -> Request<VerifyCodeRequest> {
        let request = self.verify(code).into_inner();
        from_identity(VerifyCodeRequest { attempt_id: attempt.to_string(), ..request })
    }
}

impl Fixture {
    async fn verify_with(&self, request: Request<VerifyCodeRequest>) -> Result<VerifyCodeResponse, Status> {
        self.verification.verify_code(request).await.map(tonic::Response::into_inner)
    }

    async fn wrong_codes_counted(&self) -> (i32, i32) {
        let row = self.rows.query_one("SELECT wrong_codes, cardinality(recent_failures) FROM user_mfa", &[]);
        let row = row.await.unwrap();
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn an_accepted_code_is_accepted_again_in_its_sign_in_and_leaves_one_event() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let code = phone.code(&fixture);
    let first = fixture.verify_with(sign_in.verify_as(&code, attempt)).await.unwrap();
    let before = fixture.count("event").await;
    // Long after the code itself has died, and the time of the proof is not renewed.
    fixture.tick(9 * 60 + 59);
    assert_eq!(fixture.verify_with(sign_in.verify_as(&code, attempt)).await.unwrap(), first);
    assert_eq!(fixture.count("event").await, before);
    // Under another id it is the replay that it is.
    assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    let event = fixture.events().await.into_iter().find(|event| event.id == attempt.to_string()).unwrap();
    assert_eq!(event.r#type, "mfa.verification.succeeded");
}

#[tokio::test]
async fn a_wrong_code_counts_once_under_its_attempt() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    let wrong = phone.wrong_codes(&fixture, 1).remove(0);
    for _ in 0..9 {
        let refused = fixture.verify_with(sign_in.verify_as(&wrong, attempt)).await;
        assert_eq!(refusal(refused), Reason::CodeRefused);
    }
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::Wrong]);
    assert_eq!(fixture.wrong_codes_counted().await, (1, 1));
    // Nor does the right code under a refused attempt's id get another verdict: it is the first one's that was asked for.
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.verify_with(sign_in.verify_as(&code, attempt)).await), Reason::CodeRefused);
    fixture.verify(&sign_in, &code).await.unwrap();
}

#[tokio::test]
async fn the_verdict_of_a_lock_and_of_no_factor_are_given_again_too() {
    let (fixture, tree) = Fixture::with_tree().await;
    let without = fixture.sign_in(&tree.company_admin).await;
    let attempt = AttemptId::generate();
    for _ in 0..2 {
        let refused = fixture.verify_with(without.verify_as("000000", attempt)).await;
        assert_eq!(refusal(refused), Reason::FactorMissing);
    }
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for code in phone.wrong_codes(&fixture, 5) {
        refusal(fixture.verify(&sign_in, &code).await);
    }
    let (code, attempt) = (phone.code(&fixture), AttemptId::generate());
    assert_eq!(refusal(fixture.verify_with(sign_in.verify_as(&code, attempt)).await), Reason::CodeRefused);
    let before = fixture.count("event").await;
    fixture.tick(61);
    assert_eq!(refusal(fixture.verify_with(sign_in.verify_as(&code, attempt)).await), Reason::CodeRefused);
    assert_eq!(fixture.count("event").await, before);
}

#[tokio::test]
async fn nobody_elses_verdict_is_ever_given() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let others = fixture.enroll(&tree.company_admin).await;
    let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    fixture.verify_with(sign_in.verify_as(&phone.code(&fixture), attempt)).await.unwrap();
    fixture.tick(30);

    let elsewhere = SignIn { id: SignInId::generate(), ..sign_in.clone() };
    let stranger = fixture.sign_in(&tree.company_admin).await;
    let in_session = |request: Request<VerifyCodeRequest>| {
        let session_id = SessionId::generate().to_string();
        from_identity(VerifyCodeRequest { sign_in_id: String::new(), session_id, ..request.into_inner() })
    };
    // An event that is no attempt's.
    let event = fixture.events().await.into_iter().find(|event| event.r#type == "mfa.factor.enrolled");
    let no_attempt = AttemptId::from_uuid(event.unwrap().id.parse::<EventId>().unwrap().uuid());
    let (code, other_code) = (phone.code(&fixture), others.code(&fixture));
    for request in [
        elsewhere.verify_as(&code, attempt),
        stranger.verify_as(&other_code, attempt),
        in_session(sign_in.verify_as(&code, attempt)),
        sign_in.verify_as(&code, no_attempt),
    ] {
        assert_eq!(refusal(fixture.verify_with(request).await), Reason::CodeRefused);
    }
    let recovering = fixture
        .verification
        .verify_recovery_code(sign_in.recover_as(&super::recovering::wrong_codes(1)[0], attempt));
    assert_eq!(refusal(recovering.await), Reason::CodeRefused);
    // Nor after ten minutes, in the very same sign-in.
    fixture.tick(10 * 60);
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.verify_with(sign_in.verify_as(&code, attempt)).await), Reason::CodeRefused);
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::AttemptReused; 5]);
    assert_eq!(super::recovering::refusals(&fixture.events().await), [VerificationRefusal::AttemptReused]);
    // Nothing was compared, so nothing is spent or counted.
    fixture.verify(&sign_in, &code).await.unwrap();
    let stranger = fixture.verify(&stranger, &others.code(&fixture)).await;
    assert!(stranger.is_ok());
}

#[tokio::test]
async fn in_a_session_it_is_the_sessions() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let told = fixture.sign_in(&tree.company_user).await;
    let (session_id, attempt) = (SessionId::generate().to_string(), AttemptId::generate());
    let step_up = |code: &str| {
        let request = told.verify_as(code, attempt).into_inner();
        let session_id = session_id.clone();
        from_identity(VerifyCodeRequest { sign_in_id: String::new(), session_id, ..request })
    };
    let code = phone.code(&fixture);
    let first = fixture.verify_with(step_up(&code)).await.unwrap();
    fixture.tick(60);
    assert_eq!(fixture.verify_with(step_up(&code)).await.unwrap(), first);
}

#[tokio::test]
async fn what_changed_meanwhile_makes_a_repetition_outdated() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    for step in 0..2 {
        let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
        fixture.verify_with(sign_in.verify_as(&phone.code(&fixture), attempt)).await.unwrap();
        if step == 0 {
            fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
        } else {
            fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
        }
        for _ in 0..2 {
            let again = fixture.verify_with(sign_in.verify_as(&phone.code(&fixture), attempt)).await;
            assert_eq!(refusal(again), Reason::GenerationOutdated);
        }
        fixture.tick(30);
    }
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::Outdated; 4]);
    // A first attempt that is outdated is the attempt's own event.
    let (outdated, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
    fixture.disable(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let refused = fixture.verify_with(outdated.verify_as("000000", attempt)).await;
    assert_eq!(refusal(refused), Reason::GenerationOutdated);
    assert_eq!(fixture.events().await.last().unwrap().id, attempt.to_string());
}

/// Two replicas get the same attempt at the same time, twenty times over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_at_once_under_one_attempt_all_are_told_the_same_and_one_counts() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    for round in 0..6 {
        let (sign_in, attempt) = (fixture.sign_in(&tree.company_user).await, AttemptId::generate());
        let is_right = round % 2 == 0;
        let code = if is_right { phone.code(&fixture) } else { phone.wrong_codes(&fixture, 1).remove(0) };
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.verify_as(&code, attempt));
            tasks.spawn(async move { replica.verify_code(request).await.map(tonic::Response::into_inner) });
        }
        for answer in tasks.join_all().await {
            if is_right {
                assert!(answer.is_ok(), "{answer:?}");
            } else {
                assert_eq!(refusal(answer), Reason::CodeRefused);
            }
        }
        let (wrong_codes, failures) = fixture.wrong_codes_counted().await;
        assert_eq!((wrong_codes, failures), (i32::from(!is_right), round / 2 + i32::from(!is_right)));
        fixture.tick(30);
    }
    let events = fixture.events().await;
    let verdicts = events.iter().filter(|event| {
        matches!(&event.payload, Some(Payload::VerificationSucceeded(_) | Payload::VerificationRefused(_)))
    });
    assert_eq!(verdicts.count(), 6);
}
