//! Calls whose answers are lost and that are made again, on another replica and many at once: one effect, one answer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what surprises a test's helper fails the test")]

use futures::future::join_all;
use proto::identity::{
    AcknowledgeMfaEnrollmentRequest, ConfirmMfaEnrollmentRequest, NextStep, RefreshSessionRequest, Session,
    StepUpRequest, VerifyMfaRequest, VerifyRecoveryCodeRequest, VerifyRecoveryCodeResponse,
};
use testkit::{ADMIN_LOGIN, Authenticator, Console, TestSystem, Tree, as_user, reason};
use time::Duration;
use tonic::Status;
use uuid::Uuid;

/// A request's own id.
fn some_id() -> String {
    Uuid::now_v7().to_string()
}

async fn verify(console: &Console, token: &str, code: &str, id: &str) -> Result<Session, Status> {
    let request = VerifyMfaRequest {
        sign_in_token: token.to_owned(),
        code: code.to_owned(),
        request_id: id.to_owned(),
    };
    Ok(console.sign_ins.clone().verify_mfa(request).await?.into_inner().session.expect("a session"))
}

async fn confirm(console: &Console, token: &str, code: &str, id: &str) -> Result<Vec<String>, Status> {
    let request = ConfirmMfaEnrollmentRequest {
        sign_in_token: token.to_owned(),
        code: code.to_owned(),
        request_id: id.to_owned(),
    };
    Ok(console.sign_ins.clone().confirm_mfa_enrollment(request).await?.into_inner().recovery_codes)
}

async fn acknowledge(console: &Console, token: &str, id: &str) -> Result<Session, Status> {
    let request =
        AcknowledgeMfaEnrollmentRequest { sign_in_token: token.to_owned(), request_id: id.to_owned() };
    let answer = console.sign_ins.clone().acknowledge_mfa_enrollment(request).await?.into_inner();
    Ok(answer.session.expect("a session"))
}

async fn recover(
    console: &Console,
    token: &str,
    code: &str,
    id: &str,
) -> Result<VerifyRecoveryCodeResponse, Status> {
    let request = VerifyRecoveryCodeRequest {
        sign_in_token: token.to_owned(),
        recovery_code: code.to_owned(),
        request_id: id.to_owned(),
    };
    Ok(console.sign_ins.clone().verify_recovery_code(request).await?.into_inner())
}

/// The company's administrator enrols step by step; their phone and recovery codes.
async fn enrol(system: &TestSystem, tree: &Tree) -> (Authenticator, Vec<String>) {
    let request = proto::mfa::EnforceMfaRequest {
        target: testkit::user_target(&tree.admin.id),
        ..proto::mfa::EnforceMfaRequest::default()
    };
    let console = &system.console;
    console.enforcement.clone().enforce_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    let token = console.start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let authenticator = Authenticator::new(&console.begin(&token, "").await.unwrap().secret_base32);
    let code = authenticator.code(system.now() - Duration::seconds(30));
    let codes = confirm(console, &token, &code, "").await.unwrap();
    acknowledge(console, &token, "").await.unwrap();
    (authenticator, codes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_opens_one_session_however_often_its_request_is_made() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = enrol(&system, &tree).await;
    let consoles = [system.console_of(0), system.console_of(1)];
    for round in 0..4 {
        let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
        let (code, id) = (authenticator.code(system.now()), some_id());
        let calls = (0..10).map(|number| verify(&consoles[number % 2], &token, &code, &id));
        let answers: Vec<Session> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "round {round}");
        // The same code under another id is used up, and tells nothing.
        let refused = verify(&consoles[1], &token, &code, &some_id()).await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED");
        let reused = verify(&consoles[1], &token, "000000", &id).await.unwrap_err();
        assert_eq!(reason(reused), "REQUEST_ID_REUSED");
        // Once the session has ended its answer is not given again.
        let request = proto::identity::RevokeSessionRequest::default();
        consoles[0].sessions.clone().revoke_session(as_user(&answers[0], request)).await.unwrap();
        let refused = verify(&consoles[1], &token, &code, &id).await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED");
        system.clock.advance(Duration::seconds(30));
    }
    // A wrong code is wrong once, too: the sign-in has four more.
    let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let (wrong, id) = (authenticator.wrong_code(system.now()), some_id());
    for number in 0..8 {
        let refused = verify(&consoles[number % 2], &token, &wrong, &id).await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED");
    }
    verify(&consoles[0], &token, &authenticator.code(system.now()), &some_id()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_gives_its_recovery_codes_again_and_opens_one_session() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let consoles = [system.console_of(0), system.console_of(1)];
    let request = proto::mfa::EnforceMfaRequest {
        target: testkit::user_target(&tree.admin.id),
        ..proto::mfa::EnforceMfaRequest::default()
    };
    consoles[0].enforcement.clone().enforce_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    let started = consoles[0].start(ADMIN_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    let token = started.sign_in_token;
    let authenticator = Authenticator::new(&consoles[0].begin(&token, "").await.unwrap().secret_base32);
    let (code, id) = (authenticator.code(system.now()), some_id());
    let calls = (0..6).map(|number| confirm(&consoles[number % 2], &token, &code, &id));
    let answers: Vec<Vec<String>> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0].len(), 10);
    assert!(answers.iter().all(|codes| *codes == answers[0]));

    let id = some_id();
    let calls = (0..6).map(|number| acknowledge(&consoles[number % 2], &token, &id));
    let sessions: Vec<Session> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(sessions.iter().all(|session| *session == sessions[0]));
    assert_eq!(acknowledge(&consoles[1], &token, &id).await.unwrap(), sessions[0]);
    consoles[0].refresh(&sessions[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_acknowledgements_at_once_one_opens_a_session_and_none_spoils_it() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let consoles = [system.console_of(0), system.console_of(1)];
    for number in 0..6 {
        let login = format!("user{number}@acme.example");
        let role = proto::common::Role::CompanyUser;
        let (by, company) = (&tree.reseller_session, &tree.company.id);
        consoles[0].create_user(by, company, &login, role, true).await.unwrap();
        let token = consoles[0].start(&login).await.unwrap().sign_in_token;
        let authenticator = Authenticator::new(&consoles[0].begin(&token, "").await.unwrap().secret_base32);
        confirm(&consoles[0], &token, &authenticator.code(system.now()), "").await.unwrap();
        let calls = (0..4).map(|call| acknowledge(&consoles[call % 2], &token, ""));
        let outcomes = join_all(calls).await;
        let opened: Vec<&Session> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(opened.len(), 1, "{outcomes:?}");
        consoles[1].refresh(opened[0]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_code_is_spent_once_and_its_answer_given_again() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (_, codes) = enrol(&system, &tree).await;
    let consoles = [system.console_of(0), system.console_of(1)];
    let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let id = some_id();
    let calls = (0..6).map(|number| recover(&consoles[number % 2], &token, &codes[0], &id));
    let answers: Vec<VerifyRecoveryCodeResponse> =
        join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!((answers[0].next_step(), answers[0].recovery_codes_left), (NextStep::Complete, 9));
    let session = answers[0].session.as_ref().unwrap();
    let request = proto::identity::GetCurrentUserRequest::default();
    let facts = consoles[0].sessions.clone().get_current_user(as_user(session, request)).await.unwrap();
    assert_eq!(facts.into_inner().session.unwrap().amr, ["pwd", "mfa"]);
    // However it is written, it is used up.
    let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let again = recover(&consoles[1], &token, &codes[0].to_uppercase().replace('-', " "), "").await;
    assert_eq!(reason(again.unwrap_err()), "SIGN_IN_REFUSED");
    assert_eq!(recover(&consoles[1], &token, &codes[1], "").await.unwrap().recovery_codes_left, 8);
    let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let malformed = recover(&consoles[0], &token, "what is no code", "").await.unwrap_err();
    assert_eq!(reason(malformed), "INVALID_ARGUMENT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_and_a_step_up_are_repeated_without_an_alarm() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (authenticator, codes) = enrol(&system, &tree).await;
    assert_eq!(codes.len(), 10);
    let consoles = [system.console_of(0), system.console_of(1)];
    let token = consoles[0].start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let code = authenticator.code(system.now());
    let session = verify(&consoles[0], &token, &code, "").await.unwrap();
    let id = some_id();
    let refresh = async |number: usize| {
        let request = RefreshSessionRequest {
            refresh_token: session.refresh_token.clone(),
            request_id: id.clone(),
            ..RefreshSessionRequest::default()
        };
        consoles[number % 2].sessions.clone().refresh_session(request).await.unwrap().into_inner().session
    };
    let answers = join_all((0..6).map(refresh)).await;
    let first = answers[0].clone().unwrap();
    assert!(answers.into_iter().all(|answer| answer.as_ref() == Some(&first)));

    system.clock.advance(Duration::seconds(30));
    let code = authenticator.code(system.now());
    let step_up = async |id: &str| {
        let request = StepUpRequest { code: code.clone(), request_id: id.to_owned() };
        consoles[1].sessions.clone().step_up(as_user(&first, request)).await
    };
    let id = some_id();
    for _ in 0..3 {
        step_up(&id).await.unwrap();
    }
    assert_eq!(reason(step_up(&some_id()).await.unwrap_err()), "CODE_REFUSED", "the code is used up");
    // The reset takes the kept answers with it.
    let reset = proto::mfa::ResetMfaRequest {
        user_id: tree.admin.id.clone(),
        reason: "lost phone".to_owned(),
        ..proto::mfa::ResetMfaRequest::default()
    };
    consoles[0].factors.clone().reset_mfa(as_user(&tree.reseller_session, reset)).await.unwrap();
    assert_eq!(reason(step_up(&id).await.unwrap_err()), "TOKEN_INVALID");
}
