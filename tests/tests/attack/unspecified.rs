//! What is absent, zero or unknown never means "off".

use countersign_tests::evidence::events;
use proto::common::{AuthSource, Role};
use proto::identity::{CreateUserRequest, GetUserRequest, NextStep, UpdateUserRequest};
use proto::mfa::target::Target as To;
use proto::mfa::{DisableMfaRequest, EnforceMfaRequest, ProviderScope, ReenableMfaRequest, Target};
use proto::tenant::UpdateOrganizationRequest;
use testkit::{ADMIN_LOGIN, as_user, reason};
use time::Duration;

use crate::siege::Siege;

/// Targets that name nothing, or something that nobody has heard of.
fn nothing() -> Vec<Option<Target>> {
    let to = |target| Some(Target { target: Some(target) });
    let ids = [String::new(), "all".to_owned(), "*".to_owned(), "0".to_owned()];
    let named = ids
        .into_iter()
        .flat_map(|id| [To::CompanyId(id.clone()), To::ResellerId(id.clone()), To::UserId(id)].map(to));
    let scopes = [0, -1, 99].map(|scope| to(To::Provider(scope)));
    [None, Some(Target { target: None })].into_iter().chain(scopes).chain(named).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_names_nothing_switches_nothing_off() {
    let siege = Siege::lay().await;
    let (console, by) = (&siege.consoles[0], &siege.tree.provider_session);
    let switch = EnforceMfaRequest {
        target: Some(Target { target: Some(To::Provider(ProviderScope::ClientsAndResellers.into())) }),
        ..EnforceMfaRequest::default()
    };
    console.enforcement.clone().enforce_mfa(as_user(by, switch)).await.unwrap();
    let changes = async || {
        let is_change = |event: &proto::events::Event| event.r#type.starts_with("mfa.enforcement.");
        events(&siege.system.mfa_database).await.into_iter().filter(is_change).count()
    };
    let before = changes().await;
    let mut enforcement = console.enforcement.clone();
    for target in nothing() {
        let reason_given = "an attack".to_owned();
        let disable = DisableMfaRequest {
            target: target.clone(),
            reason: reason_given.clone(),
            ..DisableMfaRequest::default()
        };
        let reenable = ReenableMfaRequest {
            target: target.clone(),
            reason: reason_given,
            ..ReenableMfaRequest::default()
        };
        let enforce = EnforceMfaRequest { target: target.clone(), ..EnforceMfaRequest::default() };
        let refusals = [
            enforcement.disable_mfa(as_user(by, disable)).await.map(drop),
            enforcement.reenable_mfa(as_user(by, reenable)).await.map(drop),
            enforcement.enforce_mfa(as_user(by, enforce)).await.map(drop),
        ];
        for refused in refusals {
            assert_eq!(reason(refused.unwrap_err()), "INVALID_ARGUMENT", "{target:?}");
        }
    }
    assert_eq!(changes().await, before);
    assert_eq!(console.start(ADMIN_LOGIN).await.unwrap().next_step(), NextStep::VerifyMfa);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_mask_and_an_unknown_value_change_nobody() {
    let siege = Siege::lay().await;
    let (console, by) = (&siege.consoles[0], &siege.tree.reseller_session);
    let get = || async {
        let request = GetUserRequest { user_id: siege.user_id().to_owned() };
        console.users.clone().get_user(as_user(by, request)).await.unwrap().into_inner().user.unwrap()
    };
    let before = get().await;
    let masked = |paths: &[&str], request: UpdateUserRequest| UpdateUserRequest {
        user_id: siege.user_id().to_owned(),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
        ..request
    };
    let value = |role: i32, auth_source: i32| UpdateUserRequest {
        role,
        auth_source,
        external_subject: "oidc|thief".to_owned(),
        ..UpdateUserRequest::default()
    };
    let (external, user) = (AuthSource::External.into(), Role::CompanyUser.into());
    let requests = [
        UpdateUserRequest { update_mask: None, ..masked(&[], value(user, external)) },
        masked(&[], value(user, external)),
        masked(&[""], value(user, external)),
        masked(&["*"], value(user, external)),
        masked(&["state"], value(user, external)),
        masked(&["role"], value(0, external)),
        masked(&["role"], value(99, external)),
        masked(&["role"], value(-1, external)),
        masked(&["auth_source"], value(user, 0)),
        masked(&["auth_source"], value(user, 99)),
        masked(&["auth_source"], value(user, -1)),
    ];
    for request in requests {
        let shown = format!("{request:?}");
        let refused = console.users.clone().update_user(as_user(by, request)).await.unwrap_err();
        assert_eq!(reason(refused), "INVALID_ARGUMENT", "{shown}");
    }
    assert_eq!(get().await, before);
    for (role, auth_source) in [(0, 0), (99, 0), (user, 99), (user, -1)] {
        let request = CreateUserRequest {
            organization_id: siege.tree.company.id.clone(),
            login: "thief@acme.example".to_owned(),
            role,
            auth_source,
            password: testkit::PASSWORD.to_owned(),
            external_subject: "oidc|thief".to_owned(),
            ..CreateUserRequest::default()
        };
        let refused = console.users.clone().create_user(as_user(by, request)).await.unwrap_err();
        assert_eq!(reason(refused), "INVALID_ARGUMENT", "role {role}, source {auth_source}");
    }
    for update_mask in [None, Some(prost_types::FieldMask::default())] {
        let request = UpdateOrganizationRequest {
            organization_id: siege.tree.company.id.clone(),
            update_mask,
            ..UpdateOrganizationRequest::default()
        };
        let refused = console.tenants.clone().update_organization(as_user(by, request)).await.unwrap_err();
        assert_eq!(reason(refused), "INVALID_ARGUMENT");
    }
    // The session and the factor of whom it was about are what they were.
    siege.system.clock.advance(Duration::seconds(30));
    console.verify(&siege.sign_in().await, &siege.code()).await.unwrap();
}
