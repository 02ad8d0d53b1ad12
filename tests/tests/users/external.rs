//! Users whom an identity provider answers for.

use proto::common::{AuthSource, Role};
use proto::events::event::Payload;
use proto::identity::{AssertExternalSignInRequest, CreateUserRequest, NextStep};
use testkit::{TestSystem, Tree, as_user, reason};

use super::{
    NEW_PASSWORD, SUBJECT, assert_alive, assert_dead, assert_external, enforce_for_company, to_external,
    to_local,
};

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
