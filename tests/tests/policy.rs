//! Policy on every level of the tree, end to end: switches, inheritance, locks, dates, tickets, and a clock that is wrong.

#![expect(clippy::expect_used, reason = "a helper of tests fails its test by panicking")]

use proto::common::Role;
use proto::identity::{NextStep, Session};
use proto::mfa::target::Target as Kind;
use proto::mfa::{
    DisableMfaRequest, EnforceMfaRequest, Enforcement, EnforcementState, GetEnforcementRequest,
    IssueEnrollmentTicketRequest, PolicyLevel, ProviderScope, ResetMfaRequest, Target,
};
use testkit::{
    Console, PROVIDER_LOGIN, TestSystem, Tree, as_user, company_target, reason, reseller_target, user_target,
};
use time::Duration;
use tonic::Status;

async fn enforce_with(
    console: &Console,
    by: &Session,
    request: EnforceMfaRequest,
) -> Result<Enforcement, Status> {
    let answer = console.enforcement.clone().enforce_mfa(as_user(by, request)).await?;
    Ok(answer.into_inner().enforcement.expect("an answer"))
}

async fn enforce(console: &Console, by: &Session, target: Option<Target>) -> Result<Enforcement, Status> {
    enforce_with(console, by, EnforceMfaRequest { target, ..EnforceMfaRequest::default() }).await
}

async fn disable(console: &Console, by: &Session, target: Option<Target>) -> Result<Enforcement, Status> {
    let request = DisableMfaRequest { target, reason: "a test".to_owned(), ..DisableMfaRequest::default() };
    let answer = console.enforcement.clone().disable_mfa(as_user(by, request)).await?;
    Ok(answer.into_inner().enforcement.expect("an answer"))
}

async fn explain(console: &Console, by: &Session, target: Option<Target>) -> Enforcement {
    let request = as_user(by, GetEnforcementRequest { target });
    let answer = console.enforcement.clone().get_enforcement(request).await.expect("it is explained");
    answer.into_inner().enforcement.expect("an answer")
}

fn switch(scope: ProviderScope) -> Option<Target> {
    Some(Target { target: Some(Kind::Provider(scope.into())) })
}

/// What the password alone leads to.
async fn next_step(console: &Console, login: &str) -> NextStep {
    console.start(login).await.expect("the password is right").next_step()
}

/// What it leads to where nothing more is demanded.
const SIGNED_IN: NextStep = NextStep::Complete;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_the_providers_switches_covers_its_own() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (console, provider) = (&system.console, &tree.provider_session);
    let operator = "otto@provider.example";
    console.create_user(provider, &tree.provider_id, operator, Role::ProviderOperator, false).await.unwrap();
    for login in [operator, &tree.admin.login] {
        assert_eq!(next_step(console, login).await, SIGNED_IN);
    }

    enforce(console, provider, switch(ProviderScope::InternalUsers)).await.unwrap();
    assert_eq!(next_step(console, operator).await, NextStep::EnrollMfa);
    assert_eq!(next_step(console, &tree.admin.login).await, SIGNED_IN);

    let told = enforce(console, provider, switch(ProviderScope::ClientsAndResellers)).await.unwrap();
    assert_eq!((told.effective_state(), told.levels.len()), (EnforcementState::Enabled, 1));
    assert_eq!(next_step(console, &tree.admin.login).await, NextStep::EnrollMfa);
    // The reseller sees who decided, and changes neither the switch nor what it locks.
    let reseller = &tree.reseller_session;
    let told = explain(console, reseller, user_target(&tree.admin.id)).await;
    assert_eq!(told.effective_state(), EnforcementState::EnabledByInheritance);
    assert_eq!((told.deciding_level(), told.levels.len()), (PolicyLevel::Provider, 4));
    assert!(told.levels[0].set_by.as_ref().is_some_and(|by| by.role() == Role::ProviderAdmin));
    for scope in [ProviderScope::ClientsAndResellers, ProviderScope::InternalUsers] {
        let refused = disable(console, reseller, switch(scope)).await.unwrap_err();
        assert_eq!(reason(refused), "NOT_FOUND");
    }
    let refused = disable(console, reseller, company_target(&tree.company.id)).await.unwrap_err();
    assert_eq!(reason(refused), "MFA_ENFORCED_BY_PARENT");

    disable(console, provider, switch(ProviderScope::ClientsAndResellers)).await.unwrap();
    assert_eq!(next_step(console, &tree.admin.login).await, SIGNED_IN);
    assert_eq!(next_step(console, operator).await, NextStep::EnrollMfa);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resellers_enforcement_covers_its_companies_and_locks_them() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (console, reseller) = (&system.console, &tree.reseller_session);
    // The company has set itself what the reseller is about to demand.
    enforce(console, reseller, company_target(&tree.company.id)).await.unwrap();
    assert!(explain(console, reseller, company_target(&tree.company.id)).await.can_disable);
    // Only the provider enforces for a reseller.
    let refused = enforce(console, reseller, reseller_target(&tree.reseller.id)).await.unwrap_err();
    assert_eq!(reason(refused), "ROLE_NOT_ALLOWED");
    enforce(console, &tree.provider_session, reseller_target(&tree.reseller.id)).await.unwrap();

    let told = explain(console, reseller, company_target(&tree.company.id)).await;
    assert_eq!(told.cannot_disable_reason, "MFA_ENFORCED_BY_PARENT");
    let refused = disable(console, reseller, company_target(&tree.company.id)).await.unwrap_err();
    assert_eq!(reason(refused), told.cannot_disable_reason);
    // To put it off would be to disable it until then.
    let later = EnforceMfaRequest {
        target: company_target(&tree.company.id),
        enforce_from: Some(wire_time(system.now() + Duration::days(1))),
        ..EnforceMfaRequest::default()
    };
    let refused = enforce_with(console, reseller, later).await.unwrap_err();
    assert_eq!(reason(refused), "MFA_ENFORCED_BY_PARENT");

    // A company founded under it is covered from its first sign-in on, without a word about MFA.
    let young = console.create_company(reseller, &tree.reseller.id, "young", false).await.unwrap();
    let login = "bo@young.example";
    let bo = console.create_user(reseller, &young.id, login, Role::CompanyUser, false).await.unwrap();
    assert_eq!(next_step(console, login).await, NextStep::EnrollMfa);
    let told = explain(console, reseller, user_target(&bo.id)).await;
    assert_eq!(
        (told.deciding_level(), told.own_state()),
        (PolicyLevel::Reseller, EnforcementState::Disabled)
    );

    // Lifted above, the company's own demand stands, and can be lifted now.
    disable(console, &tree.provider_session, reseller_target(&tree.reseller.id)).await.unwrap();
    assert_eq!(next_step(console, login).await, SIGNED_IN);
    assert_eq!(next_step(console, &tree.admin.login).await, NextStep::EnrollMfa);
    disable(console, reseller, company_target(&tree.company.id)).await.unwrap();
    assert_eq!(next_step(console, &tree.admin.login).await, SIGNED_IN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_announced_date_on_it_is_demanded() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let from = Some(wire_time(system.now() + Duration::minutes(30)));
    let request = EnforceMfaRequest {
        target: company_target(&tree.company.id),
        enforce_from: from,
        ..EnforceMfaRequest::default()
    };
    let told = enforce_with(console, &tree.reseller_session, request.clone()).await.unwrap();
    assert_eq!((told.effective_state(), told.levels[2].enforce_from), (EnforcementState::Disabled, from));

    // Before: a session for the password, and word of what is to come.
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!((started.next_step(), started.mfa_required_from), (SIGNED_IN, from));
    let session = started.session.unwrap();
    system.clock.advance(Duration::minutes(29));
    let session = console.refresh(&session).await.unwrap();
    // Then: no refreshing of what lacks it, and no sign-in without.
    system.clock.advance(Duration::minutes(1));
    assert_eq!(reason(console.refresh(&session).await.unwrap_err()), "REFRESH_REFUSED");
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!((started.next_step(), started.mfa_required_from), (NextStep::EnrollMfa, None));
    console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();

    // A reset opens it for nobody again.
    let reseller = tree.reseller_again(&system).await;
    let reset = ResetMfaRequest {
        user_id: tree.admin.id.clone(),
        reason: "phone lost".to_owned(),
        ..ResetMfaRequest::default()
    };
    console.factors.clone().reset_mfa(as_user(&reseller, reset)).await.unwrap();
    assert_eq!(next_step(console, &tree.admin.login).await, NextStep::EnrollMfa);
    let too_far =
        EnforceMfaRequest { enforce_from: Some(wire_time(system.now() + Duration::days(400))), ..request };
    let refused = enforce_with(console, &reseller, too_far).await.unwrap_err();
    assert_eq!(reason(refused), "INVALID_ARGUMENT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_ticket_is_demanded_a_stolen_password_enrols_nobody() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (console, reseller) = (&system.console, &tree.reseller_session);
    // On the level of the reseller, by the provider: strictest wins, the company says nothing of tickets.
    let request = EnforceMfaRequest {
        target: reseller_target(&tree.reseller.id),
        require_enrollment_ticket: true,
        ..EnforceMfaRequest::default()
    };
    enforce_with(console, &tree.provider_session, request).await.unwrap();
    enforce(console, reseller, company_target(&tree.company.id)).await.unwrap();
    let started = console.start(&tree.admin.login).await.unwrap();
    let refused = console.begin(&started.sign_in_token, "").await.unwrap_err();
    assert_eq!(reason(refused), "ENROLLMENT_TICKET_REQUIRED");

    let issue = |by: &Session| {
        let request = IssueEnrollmentTicketRequest {
            user_id: tree.admin.id.clone(),
            reason: "new".to_owned(),
            ..IssueEnrollmentTicketRequest::default()
        };
        let request = as_user(by, request);
        let mut client = console.enforcement.clone();
        async move { client.issue_enrollment_ticket(request).await }
    };
    let ticket = issue(reseller).await.unwrap().into_inner().enrollment_ticket;
    let (authenticator, session) =
        console.enrol(&started.sign_in_token, &ticket, system.now()).await.unwrap();
    assert_eq!(reason(issue(reseller).await.unwrap_err()), "FACTOR_EXISTS");
    assert_eq!(reason(issue(&session).await.unwrap_err()), "SELF_ADMINISTRATION");

    // A ticket that came with a reset counts as well, once, and the old one not at all.
    let reset = ResetMfaRequest {
        user_id: tree.admin.id.clone(),
        reason: "phone lost".to_owned(),
        ..ResetMfaRequest::default()
    };
    let answer = console.factors.clone().reset_mfa(as_user(reseller, reset)).await.unwrap();
    let fresh = answer.into_inner().enrollment_ticket;
    let started = console.start(&tree.admin.login).await.unwrap();
    let refused = console.begin(&started.sign_in_token, &ticket).await.unwrap_err();
    assert_eq!(reason(refused), "ENROLLMENT_TICKET_REFUSED");
    console.enrol(&started.sign_in_token, &fresh, system.now()).await.unwrap();
    drop(authenticator);

    let events = console.mfa_history(reseller, &tree.company.id).await.unwrap();
    let issued = events.iter().filter(|event| event.r#type == "mfa.ticket.issued").count();
    assert_eq!(issued, 2);
    let text = format!("{events:?}");
    assert!(!text.contains(&ticket) && !text.contains(&fresh));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_clock_is_not_trusted_policy_stays_as_it_is_and_users_sign_in() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (console, reseller) = (&system.console, &tree.reseller_session);
    let target = || company_target(&tree.company.id);
    enforce(console, reseller, target()).await.unwrap();
    system.reference.shift(Duration::minutes(1));
    let refused = || async {
        // It is enforced already: as long as the guard has not looked this changes nothing.
        enforce(console, reseller, target()).await.is_err_and(|status| reason(status) == "CLOCK_NOT_TRUSTED")
    };
    system.eventually("the clock is found to be wrong", refused).await;
    let status = disable(console, reseller, target()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert_eq!(reason(status), "CLOCK_NOT_TRUSTED");
    let reset = ResetMfaRequest {
        user_id: tree.admin.id.clone(),
        reason: "phone lost".to_owned(),
        ..ResetMfaRequest::default()
    };
    let status = console.factors.clone().reset_mfa(as_user(reseller, reset)).await.unwrap_err();
    assert_eq!(reason(status), "CLOCK_NOT_TRUSTED");
    // Whoever has a factor signs in all the same.
    system.clock.advance(Duration::seconds(30));
    let started = console.start(PROVIDER_LOGIN).await.unwrap();
    let code = tree.provider_authenticator.code(system.now());
    console.verify(&started.sign_in_token, &code).await.unwrap();

    system.reference.shift(Duration::ZERO);
    let accepted = || async { disable(console, reseller, target()).await.is_ok() };
    system.eventually("the clock is trusted again", accepted).await;
    assert_eq!(next_step(console, &tree.admin.login).await, SIGNED_IN);
}

fn wire_time(at: time::OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).expect("below a second"),
    }
}
