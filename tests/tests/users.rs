//! The life cycle of users and of the organisations they belong to, end to end: what a change takes away is gone on every
//! service when the call has answered.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what surprises a test's helper fails the test")]

use std::time::Duration;

use prost_types::FieldMask;
use proto::common::{AuthSource, Role, UserState};
use proto::events::event::Payload;
use proto::identity::{
    AcceptInvitationRequest, AssertExternalSignInRequest, ChangePasswordRequest, CreateUserRequest,
    DeleteUserRequest, DisableUserRequest, EnableUserRequest, GetUserRequest, IssueInvitationRequest,
    NextStep, Session, SetPasswordRequest, UpdateUserRequest, User,
};
use proto::mfa::{EnforceMfaRequest, ListFactorsRequest};
use proto::tenant::{
    DeleteOrganizationRequest, GetOrganizationRequest, MoveCompanyRequest, ResumeOrganizationRequest,
    SuspendOrganizationRequest,
};
use testkit::{Console, PASSWORD, TestSystem, Tree, as_user, company_target, reason, reseller_target};
use tonic::Status;

const SUBJECT: &str = "oidc|248289761001";
const NEW_PASSWORD: &str = "another good password";

/// What the broker says: this person is here, and proved two factors elsewhere.
async fn assert_external(system: &TestSystem, subject: &str) -> Result<Session, Status> {
    let request = AssertExternalSignInRequest {
        realm: "acme.example".to_owned(),
        subject: subject.to_owned(),
        amr: vec!["pwd".to_owned(), "mfa".to_owned()],
        ..AssertExternalSignInRequest::default()
    };
    let broker = system.client_of(0, "broker");
    let answer = broker.sign_ins.clone().assert_external_sign_in(request).await?.into_inner();
    Ok(answer.session.expect("a session"))
}

fn update(id: &str, path: &str) -> UpdateUserRequest {
    let update_mask = Some(FieldMask { paths: vec![path.to_owned()] });
    UpdateUserRequest { user_id: id.to_owned(), update_mask, ..UpdateUserRequest::default() }
}

async fn to_external(console: &Console, by: &Session, id: &str) -> Result<User, Status> {
    let request = UpdateUserRequest {
        auth_source: AuthSource::External.into(),
        external_subject: SUBJECT.to_owned(),
        ..update(id, "auth_source")
    };
    Ok(console.users.clone().update_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn to_local(console: &Console, by: &Session, id: &str, password: &str) -> Result<User, Status> {
    let request = UpdateUserRequest {
        auth_source: AuthSource::Local.into(),
        password: password.to_owned(),
        ..update(id, "auth_source")
    };
    Ok(console.users.clone().update_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn disable(console: &Console, by: &Session, id: &str) -> Result<User, Status> {
    let request = DisableUserRequest { user_id: id.to_owned(), ..DisableUserRequest::default() };
    Ok(console.users.clone().disable_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn enforce_for_company(console: &Console, by: &Session, company_id: &str) {
    let request = EnforceMfaRequest { target: company_target(company_id), ..EnforceMfaRequest::default() };
    console.enforcement.clone().enforce_mfa(as_user(by, request)).await.expect("it is enforced");
}

/// What each service says to an access token.
async fn heard(console: &Console, session: &Session) -> [String; 3] {
    let said = |outcome: Result<(), Status>| outcome.map_or_else(reason, |()| "OK".to_owned());
    let list = ListFactorsRequest::default();
    let get = GetOrganizationRequest::default();
    let current = proto::identity::GetCurrentUserRequest {};
    let tenant = console.tenants.clone().get_organization(as_user(session, get)).await.map(drop);
    [
        // The request names no organisation: only who may ask gets as far as hearing that.
        said(tenant).replace("INVALID_ARGUMENT", "OK"),
        said(console.sessions.clone().get_current_user(as_user(session, current)).await.map(drop)),
        said(console.factors.clone().list_factors(as_user(session, list)).await.map(drop)),
    ]
}

async fn assert_alive(console: &Console, session: &Session) {
    assert_eq!(heard(console, session).await, ["OK", "OK", "OK"]);
}

async fn assert_dead(console: &Console, session: &Session) {
    assert_eq!(heard(console, session).await, ["TOKEN_INVALID", "TOKEN_INVALID", "TOKEN_INVALID"]);
    assert_eq!(reason(console.refresh(session).await.unwrap_err()), "REFRESH_REFUSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_user_signs_in_by_the_broker_and_in_no_other_way() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    // Enforcement does not concern external users: the factor is their provider's job.
    enforce_for_company(console, &tree.reseller_session, &tree.company.id).await;
    let request = CreateUserRequest {
        organization_id: tree.company.id.clone(),
        login: "eve@acme.example".to_owned(),
        role: Role::CompanyAdmin.into(),
        auth_source: AuthSource::External.into(),
        external_subject: SUBJECT.to_owned(),
        ..CreateUserRequest::default()
    };
    let created = console.users.clone().create_user(as_user(&tree.reseller_session, request.clone())).await;
    let user = created.unwrap().into_inner().user.unwrap();
    assert_eq!(user.auth_source(), AuthSource::External);

    let session = assert_external(&system, SUBJECT).await.unwrap();
    assert_alive(console, &session).await;
    console.refresh(&session).await.unwrap();
    // The provider's second factor is one: this administrator may administer.
    let login = "carl@acme.example";
    console.create_user(&session, &tree.company.id, login, Role::CompanyUser, false).await.unwrap();

    assert_eq!(reason(console.start("eve@acme.example").await.unwrap_err()), "SIGN_IN_REFUSED");
    assert_eq!(reason(assert_external(&system, "oidc|nobody").await.unwrap_err()), "SIGN_IN_REFUSED");
    let request = CreateUserRequest { login: "eva@acme.example".to_owned(), ..request };
    let taken = console.users.clone().create_user(as_user(&tree.reseller_session, request)).await;
    assert_eq!(reason(taken.unwrap_err()), "EXTERNAL_SUBJECT_TAKEN");
    let (subject, realm) = (SUBJECT.to_owned(), "acme.example".to_owned());
    let asserted = AssertExternalSignInRequest { subject, realm, ..Default::default() };
    for peer in ["console", "operator", "tenant", "mfa"] {
        let other =
            system.client_of(0, peer).sign_ins.clone().assert_external_sign_in(asserted.clone()).await;
        assert_eq!(reason(other.unwrap_err()), "PEER_NOT_ALLOWED", "{peer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_local_to_external_and_back_no_hole_opens() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    enforce_for_company(console, &tree.reseller_session, &tree.company.id).await;
    let (authenticator, by_code) = tree.enrolled_admin(&system).await;
    let open = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(open.next_step(), NextStep::VerifyMfa);

    // Local to external: password, factor, sessions and what was under way are gone.
    to_external(console, &tree.reseller_session, &tree.admin.id).await.unwrap();
    assert_dead(console, &by_code).await;
    let late = console.verify(&open.sign_in_token, &authenticator.code(system.now())).await.unwrap_err();
    assert_eq!(reason(late), "SIGN_IN_REFUSED");
    assert_eq!(reason(console.start(&tree.admin.login).await.unwrap_err()), "SIGN_IN_REFUSED");
    let history = console.mfa_history(&tree.reseller_session, &tree.company.id).await.unwrap();
    let destroyed = history.iter().find_map(|event| match &event.payload {
        Some(Payload::ConfigurationDestroyed(destroyed)) => Some(destroyed),
        _ => None,
    });
    let destroyed = destroyed.expect("mfa has destroyed what was configured");
    assert_eq!((destroyed.cause.as_str(), destroyed.destroyed_factor_ids.len()), ("user_external", 1));

    // External to local: the assertion is worth nothing any more, and policy asks for a new factor.
    let asserted = assert_external(&system, SUBJECT).await.unwrap();
    assert_alive(console, &asserted).await;
    to_local(console, &tree.reseller_session, &tree.admin.id, NEW_PASSWORD).await.unwrap();
    assert_dead(console, &asserted).await;
    assert_eq!(reason(assert_external(&system, SUBJECT).await.unwrap_err()), "SIGN_IN_REFUSED");
    assert_eq!(reason(console.start(&tree.admin.login).await.unwrap_err()), "SIGN_IN_REFUSED");
    let started = console.start_with(&tree.admin.login, NEW_PASSWORD).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    let (new, _) = console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    let started = console.start_with(&tree.admin.login, NEW_PASSWORD).await.unwrap();
    let old = console.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap_err();
    assert_eq!(reason(old), "SIGN_IN_REFUSED");
    console.verify(&started.sign_in_token, &new.code(system.now())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invited_user_sets_a_password_and_meets_policy() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let request = CreateUserRequest {
        organization_id: tree.company.id.clone(),
        login: "ina@acme.example".to_owned(),
        role: Role::CompanyUser.into(),
        invite: true,
        enforce_mfa: true,
        ..CreateUserRequest::default()
    };
    let created = console.users.clone().create_user(as_user(&tree.reseller_session, request)).await.unwrap();
    let created = created.into_inner();
    let user_id = created.user.unwrap().id;
    let request = IssueInvitationRequest { user_id: user_id.clone() };
    let issued =
        console.users.clone().issue_invitation(as_user(&tree.reseller_session, request.clone())).await;
    let invitation = issued.unwrap().into_inner().invitation;
    let accept = |invitation: &str| {
        let request =
            AcceptInvitationRequest { invitation: invitation.to_owned(), password: PASSWORD.to_owned() };
        let mut sign_ins = console.sign_ins.clone();
        async move { sign_ins.accept_invitation(request).await }
    };
    let replaced = accept(&created.invitation).await.unwrap_err();
    assert_eq!(reason(replaced), "INVITATION_REFUSED");
    assert_eq!(accept(&invitation).await.unwrap().into_inner().login, "ina@acme.example");
    let spent = accept(&invitation).await.unwrap_err();
    assert_eq!(reason(spent), "INVITATION_REFUSED");
    let late = console.users.clone().issue_invitation(as_user(&tree.reseller_session, request)).await;
    assert_eq!(reason(late.unwrap_err()), "PASSWORD_EXISTS");
    let started = console.start("ina@acme.example").await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_users_access_token_is_dead_everywhere_when_the_call_has_answered() {
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (authenticator, session) = tree.enrolled_admin(&system).await;
    let other = system.console_of(1);
    assert_alive(&other, &session).await;
    let disabled = disable(&system.console, &tree.reseller_session, &tree.admin.id).await.unwrap();
    assert_eq!(disabled.state(), UserState::Disabled);
    for console in [&system.console, &other] {
        assert_dead(console, &session).await;
        assert_eq!(reason(console.start(&tree.admin.login).await.unwrap_err()), "SIGN_IN_REFUSED");
    }
    let request = EnableUserRequest { user_id: tree.admin.id.clone(), ..EnableUserRequest::default() };
    system.console.users.clone().enable_user(as_user(&tree.reseller_session, request)).await.unwrap();
    assert_dead(&other, &session).await;
    // The factor was not lost with it.
    let started = other.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    other.verify(&started.sign_in_token, &authenticator.code(system.now())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_is_acknowledged_only_when_mfa_has_heard_of_it() {
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let session = system.console.start(&tree.admin.login).await.unwrap().session.unwrap();
    system.stop_mfa(0).await;
    let request_id = "0198c0de-0000-7000-8000-000000000001";
    let request = DisableUserRequest {
        request_id: request_id.to_owned(),
        user_id: tree.admin.id.clone(),
        ..DisableUserRequest::default()
    };
    let mut users = system.console.users.clone();
    let mut call = as_user(&tree.reseller_session, request.clone());
    call.set_timeout(Duration::from_secs(2));
    assert_eq!(reason(users.disable_user(call).await.unwrap_err()), "NOT_YET_IN_FORCE");
    // The change stands where it was made.
    let current = proto::identity::GetCurrentUserRequest {};
    let dead = system.console.sessions.clone().get_current_user(as_user(&session, current)).await;
    assert_eq!(reason(dead.unwrap_err()), "TOKEN_INVALID");
    // Without a request id, too, "disabled already" is not said before it is so everywhere.
    let anonymous = DisableUserRequest { request_id: String::new(), ..request.clone() };
    let mut call = as_user(&tree.reseller_session, anonymous);
    call.set_timeout(Duration::from_secs(1));
    assert_eq!(reason(users.disable_user(call).await.unwrap_err()), "NOT_YET_IN_FORCE");
    system.restart_mfa(0).await;
    users.disable_user(as_user(&tree.reseller_session, request)).await.unwrap();
    let history = system.console.identity_history(&tree.reseller_session, &tree.company.id).await.unwrap();
    assert_eq!(history.iter().filter(|event| event.r#type == "identity.user.disabled").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_leaves_their_login_to_somebody_new() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let (authenticator, session) = tree.enrolled_admin(&system).await;
    let request = DeleteUserRequest {
        request_id: "0198c0de-0000-7000-8000-000000000002".to_owned(),
        user_id: tree.admin.id.clone(),
        reason: "left the company".to_owned(),
        ..DeleteUserRequest::default()
    };
    let mut users = console.users.clone();
    for _ in 0..2 {
        users.delete_user(as_user(&tree.reseller_session, request.clone())).await.unwrap();
    }
    assert_dead(console, &session).await;
    let get = GetUserRequest { user_id: tree.admin.id.clone() };
    let gone = users.get_user(as_user(&tree.reseller_session, get)).await.unwrap_err();
    assert_eq!(reason(gone), "NOT_FOUND");
    let again = DeleteUserRequest { request_id: String::new(), ..request };
    let gone = users.delete_user(as_user(&tree.reseller_session, again)).await.unwrap_err();
    assert_eq!(reason(gone), "NOT_FOUND");

    let (company, role) = (&tree.company.id, Role::CompanyAdmin);
    let new =
        console.create_user(&tree.reseller_session, company, &tree.admin.login, role, true).await.unwrap();
    assert_ne!(new.id, tree.admin.id);
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa, "the old user's factor is not theirs");
    let (own, _) = console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    assert_ne!(own.code(system.now()), authenticator.code(system.now()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_changed_by_their_owner_and_set_by_an_administrator() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let session = console.start(&tree.admin.login).await.unwrap().session.unwrap();
    let other = console.start(&tree.admin.login).await.unwrap().session.unwrap();
    let change = |current: &str| {
        let request = ChangePasswordRequest {
            current_password: current.to_owned(),
            new_password: NEW_PASSWORD.to_owned(),
            request_id: String::new(),
        };
        let (mut users, call) = (console.users.clone(), as_user(&session, request));
        async move { users.change_password(call).await }
    };
    assert_eq!(reason(change("wrong").await.unwrap_err()), "CODE_REFUSED");
    let is_recorded = || async {
        let history = console.identity_history(&tree.reseller_session, &tree.company.id).await.unwrap();
        history.iter().any(|event| {
            let actor = event.actor.as_ref().is_some_and(|actor| actor.id == tree.admin.id);
            actor && event.r#type == "identity.sign_in.refused" && event.reason == "CODE_REFUSED"
        })
    };
    system.eventually("the wrong password is on the log", is_recorded).await;

    change(PASSWORD).await.unwrap();
    assert_alive(console, &session).await;
    let session = console.refresh(&session).await.unwrap();
    assert_dead(console, &other).await;
    assert_eq!(reason(console.start(&tree.admin.login).await.unwrap_err()), "SIGN_IN_REFUSED");
    console.start_with(&tree.admin.login, NEW_PASSWORD).await.unwrap();

    let request = SetPasswordRequest { user_id: tree.admin.id.clone(), password: PASSWORD.to_owned() };
    console.users.clone().set_password(as_user(&tree.reseller_session, request)).await.unwrap();
    assert_dead(console, &session).await;
    console.start(&tree.admin.login).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_reseller_shuts_out_its_companies_users_and_resume_lets_them_in_again() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let session = console.start(&tree.admin.login).await.unwrap().session.unwrap();
    assert_alive(console, &session).await;
    let request = SuspendOrganizationRequest {
        organization_id: tree.reseller.id.clone(),
        reason: "bills".to_owned(),
        ..SuspendOrganizationRequest::default()
    };
    let mut tenants = console.tenants.clone();
    tenants.suspend_organization(as_user(&tree.provider_session, request)).await.unwrap();
    assert_dead(console, &session).await;
    assert_dead(console, &tree.reseller_session).await;
    assert_alive(console, &tree.provider_session).await;
    for login in [&tree.admin.login, &tree.reseller_admin.login] {
        assert_eq!(reason(console.start(login).await.unwrap_err()), "SIGN_IN_REFUSED");
    }
    let request = ResumeOrganizationRequest {
        organization_id: tree.reseller.id.clone(),
        ..ResumeOrganizationRequest::default()
    };
    tenants.resume_organization(as_user(&tree.provider_session, request)).await.unwrap();
    assert_dead(console, &session).await;
    let again = console.start(&tree.admin.login).await.unwrap().session.unwrap();
    assert_alive(console, &again).await;
    let history = console.identity_history(&tree.provider_session, &tree.reseller.id).await.unwrap();
    let applied = history.iter().find_map(|event| match &event.payload {
        Some(Payload::OrganizationChangeApplied(applied)) => Some(applied),
        _ => None,
    });
    let applied = applied.expect("identity says what it ended");
    assert_eq!((applied.change.as_str(), applied.ended_sessions), ("suspended", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_companys_users_meet_the_new_resellers_policy() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let strict = console.create_reseller(&tree.provider_session, "strict", false).await.unwrap();
    let request = EnforceMfaRequest { target: reseller_target(&strict.id), ..EnforceMfaRequest::default() };
    console.enforcement.clone().enforce_mfa(as_user(&tree.provider_session, request)).await.unwrap();
    let session = console.start(&tree.admin.login).await.unwrap().session.unwrap();
    let request = MoveCompanyRequest {
        company_id: tree.company.id.clone(),
        reseller_id: strict.id.clone(),
        ..MoveCompanyRequest::default()
    };
    console.tenants.clone().move_company(as_user(&tree.provider_session, request)).await.unwrap();
    assert_dead(console, &session).await;
    let started = console.start(&tree.admin.login).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    let (_, session) = console.enrol(&started.sign_in_token, "", system.now()).await.unwrap();
    assert_alive(console, &session).await;
    // The old reseller administers them no more: they are nobody's it knows.
    let refused = disable(console, &tree.reseller_session, &tree.admin.id).await.unwrap_err();
    assert_eq!(reason(refused), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_companys_users_are_gone_with_it() {
    let system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let console = &system.console;
    let (_, session) = tree.enrolled_admin(&system).await;
    let request = DeleteOrganizationRequest {
        organization_id: tree.company.id.clone(),
        ..DeleteOrganizationRequest::default()
    };
    console.tenants.clone().delete_organization(as_user(&tree.reseller_session, request)).await.unwrap();
    assert_dead(console, &session).await;
    assert_eq!(reason(console.start(&tree.admin.login).await.unwrap_err()), "SIGN_IN_REFUSED");
    let get = GetUserRequest { user_id: tree.admin.id.clone() };
    let gone = console.users.clone().get_user(as_user(&tree.reseller_session, get)).await.unwrap_err();
    assert_eq!(reason(gone), "NOT_FOUND");
    // Realm and logins are free for another company.
    let again =
        console.create_company(&tree.reseller_session, &tree.reseller.id, "acme", false).await.unwrap();
    let role = Role::CompanyAdmin;
    console.create_user(&tree.reseller_session, &again.id, &tree.admin.login, role, false).await.unwrap();
    assert_eq!(console.start(&tree.admin.login).await.unwrap().next_step(), NextStep::Complete);
}
