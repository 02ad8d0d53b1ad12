//! Sessions that end when they must, on every replica of all services; and what a session that enrols, or a password that
//! somebody else knows, leads to.

use proto::events::event::Payload;
use proto::identity::{
    GetCurrentUserRequest, ListSessionsRequest, NextStep, ReplacePasswordRequest, RevokeUserSessionsRequest,
    Session, VerifyMfaRequest,
};
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, ConfirmEnrollmentRequest, ListFactorsRequest,
};
use proto::tenant::GetOrganizationRequest;
use testkit::{ADMIN_LOGIN, Authenticator, Console, TestSystem, Tree, as_user, reason};
use time::Duration;
use tonic::Status;

/// What each service says to an access token.
async fn heard(console: &Console, session: &Session) -> [String; 3] {
    let said = |outcome: Result<(), Status>| outcome.map_or_else(reason, |()| "OK".to_owned());
    let get = GetOrganizationRequest::default();
    let tenant = console.tenants.clone().get_organization(as_user(session, get)).await.map(drop);
    let current = GetCurrentUserRequest {};
    let list = ListFactorsRequest::default();
    [
        // The request names no organisation: only who may ask gets as far as hearing that.
        said(tenant).replace("INVALID_ARGUMENT", "OK"),
        said(console.sessions.clone().get_current_user(as_user(session, current)).await.map(drop)),
        said(console.factors.clone().list_factors(as_user(session, list)).await.map(drop)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_sessions_are_dead_at_once_on_every_replica_of_all_services() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let consoles = [system.console_of(0), system.console_of(1)];
    let session = consoles[0].start(ADMIN_LOGIN).await.unwrap().session.unwrap();
    let other = consoles[1].start(ADMIN_LOGIN).await.unwrap().session.unwrap();
    for console in &consoles {
        assert_eq!(heard(console, &session).await, ["OK", "OK", "OK"]);
    }
    let listed = async |by: &Session| {
        let request =
            ListSessionsRequest { user_id: tree.admin.id.clone(), ..ListSessionsRequest::default() };
        consoles[1].sessions.clone().list_sessions(as_user(by, request)).await.unwrap().into_inner().sessions
    };
    let sessions = listed(&tree.reseller_session).await;
    let ids: Vec<&str> =
        sessions.iter().map(|entry| entry.session.as_ref().unwrap().session_id.as_str()).collect();
    assert_eq!(ids, [other.session_id.as_str(), session.session_id.as_str()]);
    assert!(sessions.iter().all(|entry| !entry.is_current));
    assert_eq!(sessions[0].client.as_ref().unwrap().address, "192.0.2.7");
    assert!(listed(&session).await[1].is_current);

    let request = RevokeUserSessionsRequest {
        user_id: tree.admin.id.clone(),
        reason: "a lost laptop".to_owned(),
        ..RevokeUserSessionsRequest::default()
    };
    let revoke = as_user(&tree.reseller_session, request);
    let answer = consoles[0].sessions.clone().revoke_user_sessions(revoke).await.unwrap().into_inner();
    assert_eq!(answer.ended_sessions, 2);
    for console in &consoles {
        for dead in [&session, &other] {
            assert_eq!(heard(console, dead).await, ["TOKEN_INVALID"; 3]);
            assert_eq!(reason(console.refresh(dead).await.unwrap_err()), "REFRESH_REFUSED");
        }
    }
    assert!(listed(&tree.reseller_session).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_enrols_voluntarily_has_its_second_factor_and_lives_on() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let session = console.start(ADMIN_LOGIN).await.unwrap().session.unwrap();
    let other = console.start(ADMIN_LOGIN).await.unwrap().session.unwrap();
    let mut factors = console.factors.clone();
    let begun = factors.begin_enrollment(as_user(&session, BeginEnrollmentRequest::default())).await.unwrap();
    let authenticator = Authenticator::new(&begun.into_inner().secret_base32);
    let confirmed = system.now();
    let code = authenticator.code(confirmed);
    let request = ConfirmEnrollmentRequest { code, ..ConfirmEnrollmentRequest::default() };
    factors.confirm_enrollment(as_user(&session, request)).await.unwrap();
    system.clock.advance(Duration::minutes(2));
    let request = AcknowledgeEnrollmentRequest::default();
    factors.acknowledge_enrollment(as_user(&session, request)).await.unwrap();
    // In force with the answer: the session has the factor, the other one is dead.
    let refreshed = console.refresh(&session).await.unwrap();
    let current = as_user(&refreshed, GetCurrentUserRequest {});
    let facts =
        console.sessions.clone().get_current_user(current).await.unwrap().into_inner().session.unwrap();
    assert_eq!(facts.amr, ["pwd", "otp", "mfa"]);
    assert_eq!(facts.mfa_time.unwrap().seconds, confirmed.unix_timestamp());
    assert_eq!(heard(console, &other).await, ["TOKEN_INVALID"; 3]);
    assert_eq!(console.start(ADMIN_LOGIN).await.unwrap().next_step(), NextStep::VerifyMfa);
    drop(tree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_wrong_codes_lead_the_rightful_owner_to_a_new_password() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let (authenticator, session) = tree.enrolled_admin(&system).await;
    for _ in 0..4 {
        let token = console.start(ADMIN_LOGIN).await.unwrap().sign_in_token;
        for _ in 0..5 {
            let wrong = authenticator.wrong_code(system.now());
            assert_eq!(reason(console.verify(&token, &wrong).await.unwrap_err()), "SIGN_IN_REFUSED");
        }
        system.clock.advance(Duration::minutes(61));
    }
    let history = || async {
        let by = tree.reseller_again(&system).await;
        console.identity_history(&by, &tree.company.id).await.unwrap()
    };
    let suspected = |event: &proto::events::Event| event.r#type == "identity.user.password_suspected";
    system
        .eventually("identity suspects the password", || async { history().await.iter().any(suspected) })
        .await;

    // The session of before is over by now; a full sign-in leads to a new password.
    assert_eq!(reason(console.refresh(&session).await.unwrap_err()), "REFRESH_REFUSED");
    let started = console.start(ADMIN_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    let request = VerifyMfaRequest {
        sign_in_token: started.sign_in_token.clone(),
        code: authenticator.code(system.now()),
        ..VerifyMfaRequest::default()
    };
    let verified = console.sign_ins.clone().verify_mfa(request).await.unwrap().into_inner();
    assert_eq!((verified.next_step(), verified.session), (NextStep::ChangePassword, None));
    let replace = |new: &str| {
        let request = ReplacePasswordRequest {
            sign_in_token: started.sign_in_token.clone(),
            new_password: new.to_owned(),
            ..ReplacePasswordRequest::default()
        };
        let mut sign_ins = console.sign_ins.clone();
        async move { sign_ins.replace_password(request).await }
    };
    assert_eq!(reason(replace(testkit::PASSWORD).await.unwrap_err()), "PASSWORD_NOT_ACCEPTABLE");
    let new = "a password of nobody else";
    let session = replace(new).await.unwrap().into_inner().session.unwrap();
    assert_eq!(heard(console, &session).await, ["OK", "OK", "OK"]);
    assert_eq!(reason(console.start(ADMIN_LOGIN).await.unwrap_err()), "SIGN_IN_REFUSED");
    system.clock.advance(Duration::seconds(30));
    let token = console.start_with(ADMIN_LOGIN, new).await.unwrap().sign_in_token;
    console.verify(&token, &authenticator.code(system.now())).await.unwrap();

    // The platform is told to tell them, in both logs.
    let told = |event: &proto::events::Event| matches!(&event.payload, Some(Payload::NotificationDue(_)));
    system.eventually("the change is told", || async { history().await.iter().any(told) }).await;
}
