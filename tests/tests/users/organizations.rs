//! Users of organisations that are suspended, moved and deleted.

use proto::common::Role;
use proto::events::event::Payload;
use proto::identity::{GetUserRequest, NextStep};
use proto::mfa::EnforceMfaRequest;
use proto::tenant::{
    DeleteOrganizationRequest, MoveCompanyRequest, ResumeOrganizationRequest, SuspendOrganizationRequest,
};
use testkit::{TestSystem, Tree, as_user, reason, reseller_target};

use super::{assert_alive, assert_dead, disable};

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
