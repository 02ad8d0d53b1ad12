//! When somebody is shut out: an administrator ends a lock, and the operator lets a sole administrator back in.

use proto::common::Role;
use proto::identity::{GetCurrentUserRequest, NextStep};
use proto::mfa::{BreakGlassTicketRequest, UnlockUserRequest};
use testkit::{ADMIN_LOGIN, Authenticator, PROVIDER_LOGIN, TestSystem, Tree, as_user, reason};
use time::{Duration, OffsetDateTime};
use tonic::{Code, Request};

fn lost() -> BreakGlassTicketRequest {
    BreakGlassTicketRequest {
        login: PROVIDER_LOGIN.to_owned(),
        reason: "sole administrator lost the phone".to_owned(),
        ..BreakGlassTicketRequest::default()
    }
}

/// So many codes that are none of the near ones.
fn wrong_codes(authenticator: &Authenticator, now: OffsetDateTime, count: usize) -> Vec<String> {
    let near: Vec<String> =
        (-3..=3).map(|steps| authenticator.code(now + Duration::seconds(30 * steps))).collect();
    (0..).map(|code: u32| format!("{code:06}")).filter(|code| !near.contains(code)).take(count).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sole_administrator_comes_back_by_the_operators_ticket_and_nothing_older_lives_on() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (console, operator) = (&system.console, &system.operator);
    let open = console.start(PROVIDER_LOGIN).await.unwrap();
    let refused = console.factors.clone().break_glass_ticket(lost()).await.unwrap_err();
    assert_eq!((refused.code(), reason(refused)), (Code::PermissionDenied, "PEER_NOT_ALLOWED".to_owned()));

    let issued = operator.factors.clone().break_glass_ticket(lost()).await.unwrap().into_inner();
    // The call has answered: sessions, tokens and open sign-ins of before are dead, and so is the lost phone.
    assert_eq!(reason(console.refresh(&tree.provider_session).await.unwrap_err()), "REFRESH_REFUSED");
    let request = as_user(&tree.provider_session, GetCurrentUserRequest::default());
    let refused = console.sessions.clone().get_current_user(request).await.unwrap_err();
    assert_eq!(reason(refused), "TOKEN_INVALID");
    let code = tree.provider_authenticator.code(system.now());
    assert_eq!(reason(console.verify(&open.sign_in_token, &code).await.unwrap_err()), "SIGN_IN_REFUSED");

    let started = console.start(PROVIDER_LOGIN).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    let refused = console.begin(&started.sign_in_token, "").await.unwrap_err();
    assert_eq!(reason(refused), "ENROLLMENT_TICKET_REQUIRED");
    let ticket = &issued.enrollment_ticket;
    let (_, session) = console.enrol(&started.sign_in_token, ticket, system.now()).await.unwrap();
    let again = console.start(PROVIDER_LOGIN).await.unwrap();
    assert_eq!(again.next_step(), NextStep::VerifyMfa);

    // Two can help each other: the operator is not needed any more.
    let second = console
        .create_user(&session, &tree.provider_id, "second@provider.example", Role::ProviderAdmin, true)
        .await
        .unwrap();
    let started = console.start(&second.login).await.unwrap();
    console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    let refused = operator.factors.clone().break_glass_ticket(lost()).await.unwrap_err();
    assert_eq!(reason(refused), "BREAK_GLASS_NOT_NEEDED");

    // All of it is on the provider's log, as the operator's.
    let history = || async { console.mfa_history(&session, &tree.provider_id).await.unwrap() };
    let refusal = |event: &proto::events::Event| event.reason == "BREAK_GLASS_NOT_NEEDED";
    system.eventually("the refusal is listed", || async { history().await.iter().any(refusal) }).await;
    let events = history().await;
    for name in ["mfa.factor.reset", "mfa.break_glass.used"] {
        let event = events.iter().find(|event| event.r#type == name).unwrap();
        assert_eq!(event.actor.as_ref().unwrap().kind(), proto::events::ActorKind::Operator);
        assert_eq!(event.peer, "operator");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_user_is_unlocked_and_signs_in_at_once() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let (authenticator, session) = tree.enrolled_admin(&system).await;
    system.clock.advance(Duration::seconds(30));
    for code in wrong_codes(&authenticator, system.now(), 5) {
        let started = console.start(ADMIN_LOGIN).await.unwrap();
        assert_eq!(
            reason(console.verify(&started.sign_in_token, &code).await.unwrap_err()),
            "SIGN_IN_REFUSED"
        );
    }
    // Locked: the right code is refused like a wrong one, whoever and however often, byte for byte.
    let mut told = Vec::new();
    for _ in 0..3 {
        let started = console.start(ADMIN_LOGIN).await.unwrap();
        let code = authenticator.code(system.now());
        let refused = console.verify(&started.sign_in_token, &code).await.unwrap_err();
        told.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
    }
    told.dedup();
    assert_eq!(told.len(), 1);

    let unlock = || UnlockUserRequest {
        user_id: tree.admin.id.clone(),
        reason: "guessed at".to_owned(),
        ..UnlockUserRequest::default()
    };
    let refused = console.factors.clone().unlock_user(as_user(&session, unlock())).await.unwrap_err();
    assert_eq!(reason(refused), "SELF_ADMINISTRATION");
    let refused = console.factors.clone().unlock_user(Request::new(unlock())).await.unwrap_err();
    assert_eq!(reason(refused), "TOKEN_INVALID");
    console.factors.clone().unlock_user(as_user(&tree.reseller_session, unlock())).await.unwrap();
    let started = console.start(ADMIN_LOGIN).await.unwrap();
    console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap();
    // What is configured stays, and so does the session of before.
    console.refresh(&session).await.unwrap();
}
