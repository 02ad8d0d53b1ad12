//! Creating users in organisations that are deleted, suspended, or changing at this moment, and by a clock that may be wrong.

use access::SignedIn;
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::ops::{CreateUser, Identity, ListUsers, NewUser};
use proto::identity::CreateUserResponse;
use types::{AuthSource, OrganizationId, Password, RequestId, Role};
use wire::OrganizationState;

use crate::support::{Bench, PASSWORD, caller, organization, origin, public};

const LOGIN: &str = "ada@company.example";

fn new_user(organization_id: OrganizationId, enforce_mfa: bool) -> NewUser {
    NewUser {
        organization_id,
        login: LOGIN.parse().unwrap(),
        display_name: "Ada".parse().unwrap(),
        email: "".parse().unwrap(),
        role: Role::CompanyUser,
        auth_source: AuthSource::Local,
        password: Password::parse(PASSWORD),
        invite: false,
        external_subject: None,
        enforce_mfa,
    }
}

async fn create(
    identity: &Identity,
    bench: &Bench,
    caller: &SignedIn,
    enforce_mfa: bool,
) -> Outcome<CreateUserResponse> {
    let new = new_user(bench.company.organization_id(), enforce_mfa);
    identity.create_user(CreateUser { caller: caller.clone(), new, key: None, origin: origin() }).await
}

#[tokio::test]
async fn nobody_is_created_below_a_suspended_reseller_or_by_a_clock_that_may_be_wrong() {
    let bench = Bench::new().await;
    let admin = caller(Role::ProviderAdmin, &bench.provider, &bench);
    let create = |enforce_mfa| create(&bench.identity, &bench, &admin, enforce_mfa);
    for path in [&bench.provider, &bench.company] {
        bench.project(&bench.tenant.get(path.organization_id())).await;
    }
    bench.project(&organization(&bench.reseller, "reseller", OrganizationState::Inactive, 2)).await;
    assert_eq!(create(false).await.unwrap_err().reason(), Reason::OrganizationNotActive);
    bench.project(&organization(&bench.reseller, "reseller", OrganizationState::Active, 3)).await;
    bench.reference.shift(time::Duration::minutes(1));
    let replica = bench.replica();
    replica.clock_guard.looked().await;
    let untrusted = self::create(&replica, &bench, &admin, true).await.unwrap_err();
    assert_eq!(untrusted.reason(), Reason::ClockNotTrusted);
    // What sets no policy is done all the same.
    create(false).await.unwrap();
}

#[tokio::test]
async fn a_deleted_organization_has_no_users_for_anybody_like_one_that_never_was() {
    let bench = Bench::new().await;
    let admin = caller(Role::ProviderAdmin, &bench.provider, &bench);
    // tenant has deleted it; the copy does not know yet.
    bench.project(&bench.tenant.get(bench.company.organization_id())).await;
    bench.tenant.set(organization(&bench.company, "company", OrganizationState::Deleted, 2));
    let create = |organization_id| {
        let new = new_user(organization_id, false);
        bench.identity.create_user(CreateUser { caller: admin.clone(), new, key: None, origin: origin() })
    };
    let list = |organization_id| {
        bench.identity.list_users(ListUsers {
            caller: admin.clone(),
            organization_id: Some(organization_id),
            role: None,
            page_size: 2,
            page_token: String::new(),
        })
    };
    let (deleted, missing) = (bench.company.organization_id(), OrganizationId::generate());
    let created = (create(deleted).await.unwrap_err(), create(missing).await.unwrap_err());
    let listed = (list(deleted).await.unwrap_err(), list(missing).await.unwrap_err());
    for (of_deleted, of_missing) in [created, listed] {
        assert_eq!(of_deleted.reason(), Reason::NotFound);
        assert_eq!(public(&of_deleted), public(&of_missing));
    }
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 0);
}

#[tokio::test]
async fn nobody_is_created_in_an_organization_that_changed_since_tenant_was_asked() {
    let bench = Bench::new().await;
    let admin = caller(Role::ProviderAdmin, &bench.provider, &bench);
    // What tenant says here is what it said before the copy learned of the deletion.
    bench.project(&organization(&bench.company, "company", OrganizationState::Deleted, 2)).await;
    let late = create(&bench.identity, &bench, &admin, false).await.unwrap_err();
    assert_eq!(late.reason(), Reason::DependencyUnavailable);
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 0);
}

#[tokio::test]
async fn a_repetition_of_a_creation_sets_no_policy_so_its_clock_does_not_matter() {
    let bench = Bench::new().await;
    let admin = caller(Role::ProviderAdmin, &bench.provider, &bench);
    let id = RequestId::generate();
    let create = |identity: &Identity, id: RequestId, login: &str| {
        let content = proto::identity::CreateUserRequest::default();
        let command = CreateUser {
            caller: admin.clone(),
            new: NewUser { login: login.parse().unwrap(), ..new_user(bench.company.organization_id(), true) },
            key: Some(Key::new(admin.user_id.to_string(), "create_user", id, &content)),
            origin: origin(),
        };
        let identity = identity.clone();
        async move { identity.create_user(command).await }
    };
    let first = create(&bench.identity, id, LOGIN).await.unwrap();
    bench.reference.shift(time::Duration::minutes(1));
    let replica = bench.replica();
    replica.clock_guard.looked().await;
    assert_eq!(create(&replica, id, LOGIN).await.unwrap(), first);
    let another = create(&replica, RequestId::generate(), "bob@company.example").await.unwrap_err();
    assert_eq!(another.reason(), Reason::ClockNotTrusted);
    assert_eq!(bench.events().await.len(), 1);
}
