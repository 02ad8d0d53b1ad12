//! The nine steps of the journey, end to end: three services, mutual TLS, PostgreSQL.

use proto::common::Role;
use proto::identity::NextStep;
use proto::mfa::{
    DisableMfaRequest, EnforceMfaRequest, EnforcementState, GetEnforcementRequest, ListFactorsRequest,
    PolicyLevel, ReenableMfaRequest, RemoveFactorRequest, ResetMfaRequest,
};
use testkit::{Authenticator, TestSystem, Tree, as_user, company_target, reason, user_target};
use time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journey() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;

    // 1. The reseller turns enforcement on for an existing company.
    let request = EnforceMfaRequest {
        target: company_target(&tree.company.id),
        reason: "policy".to_owned(),
        ..EnforceMfaRequest::default()
    };
    console.enforcement.clone().enforce_mfa(as_user(&tree.reseller_session, request)).await.unwrap();

    // 2. The company's administrator gets no session for the password.
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    assert!(started.session.is_none());

    // 3 to 5. QR code, code, "I saved it".
    let begun = console.begin(&started.sign_in_token, "").await.unwrap();
    assert!(begun.otpauth_uri.starts_with("otpauth://totp/acme:"), "{}", begun.otpauth_uri);
    assert!(begun.qr_png.starts_with(b"\x89PNG"));
    assert!(begun.qr_svg.contains("<svg"));
    let authenticator = Authenticator::new(&begun.secret_base32);
    let now = system.now();
    let wrong = console.confirm(&started.sign_in_token, &authenticator.wrong_code(now)).await.unwrap_err();
    assert_eq!(wrong.code(), tonic::Code::Unauthenticated);
    let early = console.acknowledge(&started.sign_in_token).await.unwrap_err();
    assert_eq!(reason(early), "ENROLLMENT_NOT_CONFIRMED");
    console.confirm(&started.sign_in_token, &authenticator.code(now)).await.unwrap();
    let session = console.acknowledge(&started.sign_in_token).await.unwrap();

    // 6. They cannot turn it off.
    let request = GetEnforcementRequest { target: user_target(&tree.admin.id) };
    let answer = console.enforcement.clone().get_enforcement(as_user(&session, request)).await.unwrap();
    let enforcement = answer.into_inner().enforcement.unwrap();
    assert_eq!(enforcement.effective_state(), EnforcementState::EnabledByInheritance);
    assert_eq!(enforcement.deciding_level(), PolicyLevel::Company);
    assert!(!enforcement.can_disable);
    let request = DisableMfaRequest {
        target: user_target(&tree.admin.id),
        reason: "annoying".to_owned(),
        ..DisableMfaRequest::default()
    };
    let refused = console.enforcement.clone().disable_mfa(as_user(&session, request)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert_eq!(reason(refused), enforcement.cannot_disable_reason);
    let factors =
        console.factors.clone().list_factors(as_user(&session, ListFactorsRequest::default())).await.unwrap();
    let factor_id = factors.into_inner().factors[0].id.clone();
    let code = authenticator.code(now + Duration::seconds(30));
    let request = RemoveFactorRequest { factor_id, code, ..RemoveFactorRequest::default() };
    let refused = console.factors.clone().remove_factor(as_user(&session, request)).await.unwrap_err();
    assert_eq!(reason(refused), "MFA_ENFORCED");

    // 7. Password and code; the code that confirmed the enrolment is spent, a new one is accepted once.
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    let spent = console.verify(&started.sign_in_token, &authenticator.code(now)).await.unwrap_err();
    assert_eq!(reason(spent), "SIGN_IN_REFUSED");
    system.clock.advance(Duration::seconds(30));
    let code = authenticator.code(system.now());
    let session = console.verify(&started.sign_in_token, &code).await.unwrap();
    let again = console.start(&tree.admin.login).await.unwrap();
    let replayed = console.verify(&again.sign_in_token, &code).await.unwrap_err();
    assert_eq!(reason(replayed), "SIGN_IN_REFUSED");

    // 8. Disable and re-enable: the old sessions, sign-ins and codes are dead when the call has answered.
    let open = console.start(&tree.admin.login).await.unwrap();
    let request = DisableMfaRequest {
        target: user_target(&tree.admin.id),
        reason: "phone lost".to_owned(),
        ..DisableMfaRequest::default()
    };
    console.enforcement.clone().disable_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    assert_eq!(reason(console.refresh(&session).await.unwrap_err()), "REFRESH_REFUSED");
    system.clock.advance(Duration::seconds(30));
    let late = console.verify(&open.sign_in_token, &authenticator.code(system.now())).await.unwrap_err();
    assert_eq!(reason(late), "SIGN_IN_REFUSED");
    let between = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(between.next_step(), NextStep::EnrollMfa);
    assert!(between.session.is_none());
    let request = ReenableMfaRequest {
        target: user_target(&tree.admin.id),
        reason: "phone lost".to_owned(),
        ..ReenableMfaRequest::default()
    };
    console.enforcement.clone().reenable_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    let afresh = console.start(&tree.admin.login).await.unwrap();
    let (new, _) = console.enrol(&afresh.sign_in_token, "", system.now()).await.unwrap();
    let started = console.start(&tree.admin.login).await.unwrap();
    let old = console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap_err();
    assert_eq!(reason(old), "SIGN_IN_REFUSED");
    console.verify(&started.sign_in_token, &new.code(system.now())).await.unwrap();

    // 9. All of it is on the log, told apart, by whom, in order. The last verification has its position when two succeeded.
    let history = || async { console.mfa_history(&tree.reseller_session, &tree.company.id).await.unwrap() };
    let succeeded = |event: &&proto::events::Event| event.r#type == "mfa.verification.succeeded";
    system
        .eventually("the last verification is listed", || async {
            history().await.iter().filter(succeeded).count() >= 2
        })
        .await;
    let events = history().await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    let policy: Vec<&str> =
        types.iter().copied().filter(|name| name.starts_with("mfa.enforcement.")).collect();
    assert_eq!(policy, ["mfa.enforcement.enforced", "mfa.enforcement.disabled", "mfa.enforcement.reenabled"]);
    for event in events.iter().filter(|event| event.r#type.starts_with("mfa.enforcement.")) {
        let actor = event.actor.as_ref().unwrap();
        assert_eq!((actor.id.as_str(), actor.role()), (tree.reseller_admin.id.as_str(), Role::ResellerAdmin));
        assert_eq!(event.peer, "console");
    }
    for name in [
        "mfa.enrollment.begun",
        "mfa.enrollment.confirmed",
        "mfa.enrollment.refused",
        "mfa.factor.enrolled",
        "mfa.verification.succeeded",
        "mfa.verification.refused",
    ] {
        assert!(types.contains(&name), "{name} is missing in {types:?}");
    }
    assert!(events.windows(2).all(|pair| pair[0].position < pair[1].position));
    // An event is listed when the sequencer has given it its position, some milliseconds after its commit.
    let completed = || async {
        let sign_ins = console.identity_history(&tree.reseller_session, &tree.company.id).await.unwrap();
        sign_ins.iter().filter(|event| event.r#type == "identity.sign_in.completed").count()
    };
    system
        .eventually("two enrolments and two codes opened sessions", || async { completed().await >= 4 })
        .await;
    assert_eq!(completed().await, 4, "two enrolments and two codes opened sessions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_kills_everything_old_and_its_ticket_enrols() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let (authenticator, session) = tree.enrolled_admin(&system).await;
    let open = console.start(&tree.admin.login).await.unwrap();
    let request = ResetMfaRequest {
        user_id: tree.admin.id.clone(),
        reason: "phone lost".to_owned(),
        ticket_reference: "HD-1".to_owned(),
        ..ResetMfaRequest::default()
    };
    let answer = console.factors.clone().reset_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    let ticket = answer.into_inner().enrollment_ticket;

    let dead = console.factors.clone().list_factors(as_user(&session, ListFactorsRequest::default())).await;
    assert_eq!(reason(dead.unwrap_err()), "TOKEN_INVALID");
    assert_eq!(reason(console.refresh(&session).await.unwrap_err()), "REFRESH_REFUSED");
    let late = console.verify(&open.sign_in_token, &authenticator.code(system.now())).await.unwrap_err();
    assert_eq!(reason(late), "SIGN_IN_REFUSED");

    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    console.enrol(&started.sign_in_token, &ticket, system.now()).await.unwrap();
    let spent = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(spent.next_step(), NextStep::VerifyMfa);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_identical_codes_on_two_replicas_open_one_session() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (authenticator, _) = tree.enrolled_admin(&system).await;
    let mut tokens = Vec::new();
    for index in 0..20 {
        let console = system.console_of(index % 2);
        let token = console.start(&tree.admin.login).await.unwrap().sign_in_token;
        tokens.push((console, token));
    }
    let code = authenticator.code(system.now());
    let calls: Vec<_> = tokens
        .into_iter()
        .map(|(console, token)| {
            let code = code.clone();
            tokio::spawn(async move { console.verify(&token, &code).await })
        })
        .collect();
    let mut accepted = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(status) => assert_eq!(reason(status), "SIGN_IN_REFUSED"),
        }
    }
    assert_eq!(accepted, 1);
    // Replays do not lock anybody.
    system.clock.advance(Duration::seconds(30));
    let started = system.console.start(&tree.admin.login).await.unwrap();
    system.console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_mfa_there_is_no_session_and_it_recovers_by_itself() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let open = system.console.start(&tree.admin.login).await.unwrap();
    assert_eq!(open.next_step(), NextStep::Complete, "the company does not enforce");
    system.stop_mfa(0).await;
    let refused = system.console.start(&tree.admin.login).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    let refused = system.console.refresh(&open.session.clone().unwrap()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    system.restart_mfa(0).await;
    system
        .eventually("sign-in works again", || async { system.console.start(&tree.admin.login).await.is_ok() })
        .await;
    system.console.refresh(&open.session.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enforcement_ends_password_only_sessions() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let session = system.console.start(&tree.admin.login).await.unwrap().session.unwrap();
    let session = system.console.refresh(&session).await.unwrap();
    let request =
        EnforceMfaRequest { target: company_target(&tree.company.id), ..EnforceMfaRequest::default() };
    system.console.enforcement.clone().enforce_mfa(as_user(&tree.reseller_session, request)).await.unwrap();
    assert_eq!(reason(system.console.refresh(&session).await.unwrap_err()), "REFRESH_REFUSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn created_with_enforcement_means_in_force_at_once() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let company =
        console.create_company(&tree.reseller_session, &tree.reseller.id, "enforced", true).await.unwrap();
    let login = "carol@enforced.example";
    console.create_user(&tree.reseller_session, &company.id, login, Role::CompanyAdmin, false).await.unwrap();
    assert_eq!(console.start(login).await.unwrap().next_step(), NextStep::EnrollMfa);
    let login = "dave@acme.example";
    console
        .create_user(&tree.reseller_session, &tree.company.id, login, Role::CompanyUser, true)
        .await
        .unwrap();
    assert_eq!(console.start(login).await.unwrap().next_step(), NextStep::EnrollMfa);
}
