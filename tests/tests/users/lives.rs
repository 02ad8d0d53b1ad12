//! Users who are invited, disabled, deleted, and their passwords.

use std::time::Duration;

use proto::common::{Role, UserState};
use proto::identity::{
    AcceptInvitationRequest, ChangePasswordRequest, CreateUserRequest, DeleteUserRequest, DisableUserRequest,
    EnableUserRequest, GetUserRequest, IssueInvitationRequest, NextStep, SetPasswordRequest,
};
use testkit::{PASSWORD, TestSystem, Tree, as_user, reason};

use super::{NEW_PASSWORD, assert_alive, assert_dead, disable};

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
