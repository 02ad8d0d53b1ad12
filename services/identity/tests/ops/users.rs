//! Creating and reading users.

use access::{Authenticator, SignedIn};
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::ops::{CreateUser, ListUsers, NewUser, SetPassword};
use proto::events::event::Payload;
use proto::identity::CreateUserResponse;
use types::{AuthSource, OrganizationPath, Password, RequestId, Role, UserId};
use wire::OrganizationState;

use crate::support::{Bench, PASSWORD, caller, organization, origin};

fn new(path: &OrganizationPath, login: &str, role: Role) -> NewUser {
    NewUser {
        organization_id: path.organization_id(),
        login: login.parse().unwrap(),
        display_name: "New User".parse().unwrap(),
        email: "new@example.com".parse().unwrap(),
        role,
        auth_source: AuthSource::Local,
        password: Password::parse(PASSWORD),
        invite: false,
        external_subject: None,
        enforce_mfa: false,
    }
}

async fn create(bench: &Bench, caller: &SignedIn, new: NewUser) -> Outcome<CreateUserResponse> {
    let command = CreateUser { caller: caller.clone(), new, key: None, origin: origin() };
    bench.identity.create_user(command).await
}

#[tokio::test]
async fn an_administrator_creates_users_below() {
    let bench = Bench::new().await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let wanted =
        NewUser { enforce_mfa: true, ..new(&bench.company, "Ada@Company.example", Role::CompanyAdmin) };
    // Nobody follows identity here, so there is nobody to wait for; the sequencer does not run either.
    let created = create(&bench, &admin, NewUser { enforce_mfa: false, ..wanted }).await.unwrap();
    let user = created.user.unwrap();
    assert_eq!((user.login.as_str(), user.email.as_str()), ("ada@company.example", "new@example.com"));
    let events = bench.events().await;
    assert_eq!(events[0].r#type, "identity.user.created");
    assert_eq!(events[0].actor.as_ref().unwrap().id, admin.user_id.to_string());
    let Some(Payload::UserCreated(payload)) = &events[0].payload else { panic!("another payload") };
    assert_eq!(payload.user.as_ref().unwrap().id, user.id);
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn what_may_not_be_created_is_refused_with_its_reason() {
    let bench = Bench::new().await;
    bench.user("taken@company.example").await;
    let stranger = OrganizationPath::root(types::OrganizationId::generate());
    let reseller = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let company = caller(Role::CompanyAdmin, &bench.company, &bench);
    let good = new(&bench.company, "ada@company.example", Role::CompanyUser);
    let role = |role, path, login| NewUser { role, ..new(path, login, role) };
    let local = AuthSource::External;
    for (name, caller, new, reason) in [
        (
            "own organisation above",
            &company,
            new(&bench.reseller, "a@reseller.example", Role::ResellerAuditor),
            Reason::NotFound,
        ),
        (
            "unknown organisation",
            &reseller,
            new(&stranger, "a@company.example", Role::CompanyUser),
            Reason::NotFound,
        ),
        (
            "role of another kind",
            &reseller,
            role(Role::ResellerAuditor, &bench.company, "a@company.example"),
            Reason::InvalidArgument,
        ),
        (
            "rank",
            &company,
            role(Role::CompanyAdmin, &bench.company, "a@company.example"),
            Reason::TargetOutranksActor,
        ),
        (
            "auditor",
            &caller(Role::CompanyAuditor, &bench.company, &bench),
            good.clone(),
            Reason::RoleNotAllowed,
        ),
        (
            "realm",
            &company,
            new(&bench.company, "a@reseller.example", Role::CompanyUser),
            Reason::RealmNotOwned,
        ),
        (
            "common",
            &company,
            NewUser { password: Password::parse("password1"), ..good.clone() },
            Reason::PasswordNotAcceptable,
        ),
        (
            "short",
            &company,
            NewUser { password: Password::parse("short"), ..good.clone() },
            Reason::PasswordNotAcceptable,
        ),
        ("missing", &company, NewUser { password: None, ..good.clone() }, Reason::InvalidArgument),
        (
            "invited with password",
            &company,
            NewUser { invite: true, ..good.clone() },
            Reason::InvalidArgument,
        ),
        (
            "local with a subject",
            &company,
            NewUser { external_subject: "ada".parse().ok(), ..good.clone() },
            Reason::InvalidArgument,
        ),
        (
            "external without a subject",
            &company,
            NewUser { auth_source: local, password: None, ..good.clone() },
            Reason::InvalidArgument,
        ),
        (
            "external and invited",
            &company,
            NewUser { auth_source: local, password: None, invite: true, ..good.clone() },
            Reason::InvalidArgument,
        ),
        (
            "external with password",
            &company,
            NewUser { auth_source: local, ..good.clone() },
            Reason::InvalidArgument,
        ),
        (
            "external enforced",
            &company,
            NewUser { auth_source: local, password: None, enforce_mfa: true, ..good.clone() },
            Reason::UserNotLocal,
        ),
        (
            "taken",
            &company,
            new(&bench.company, "taken@company.example", Role::CompanyUser),
            Reason::LoginTaken,
        ),
    ] {
        assert_eq!(create(&bench, caller, new).await.unwrap_err().reason(), reason, "{name}");
    }
    bench.tenant.set(organization(&bench.company, "company", OrganizationState::Inactive, 2));
    assert_eq!(create(&bench, &company, good).await.unwrap_err().reason(), Reason::OrganizationNotActive);
    assert!(bench.events().await.is_empty());
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 1);
}

#[tokio::test]
async fn a_retry_of_a_creation_gets_the_first_answer() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let id = RequestId::generate();
    let call = |login: &str| {
        let content = proto::identity::CreateUserRequest { login: login.to_owned(), ..Default::default() };
        let command = CreateUser {
            caller: admin.clone(),
            new: new(&bench.company, login, Role::CompanyUser),
            key: Some(Key::new(admin.user_id.to_string(), "create_user", id, &content)),
            origin: origin(),
        };
        bench.identity.create_user(command)
    };
    let first = call("ada@company.example").await.unwrap();
    let hashes = bench.identity.passwords.computed();
    assert_eq!(call("ada@company.example").await.unwrap(), first);
    assert_eq!(bench.identity.passwords.computed(), hashes, "the first answer costs no hash");
    assert_eq!(call("bob@company.example").await.unwrap_err().reason(), Reason::RequestIdReused);
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 1);
    assert_eq!(bench.events().await.len(), 1);
}

#[tokio::test]
async fn a_login_that_is_taken_costs_no_hash_and_is_told_only_to_who_administers_it() {
    let bench = Bench::new().await;
    bench.user("taken@company.example").await;
    let call = |by: SignedIn| {
        let id = RequestId::generate();
        let content = proto::identity::CreateUserRequest { request_id: id.to_string(), ..Default::default() };
        let key = Some(Key::new(by.user_id.to_string(), "create_user", id, &content));
        let new = new(&bench.company, "taken@company.example", Role::CompanyUser);
        bench.identity.create_user(CreateUser { caller: by, new, key, origin: origin() })
    };
    let elsewhere = OrganizationPath::root(types::OrganizationId::generate());
    let hashes = bench.identity.passwords.computed();
    for (by, reason) in [
        (caller(Role::CompanyAdmin, &bench.company, &bench), Reason::LoginTaken),
        (caller(Role::ResellerAdmin, &elsewhere, &bench), Reason::NotFound),
        (caller(Role::CompanyUser, &bench.company, &bench), Reason::RoleNotAllowed),
    ] {
        assert_eq!(call(by).await.unwrap_err().reason(), reason);
    }
    assert_eq!(bench.identity.passwords.computed(), hashes);
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 1);
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn one_reads_oneself_and_the_own_branch() {
    let bench = Bench::new().await;
    let ada = bench.user("ada@company.example").await;
    let (role, local) = (Role::ResellerAdmin, AuthSource::Local);
    let rita = bench.user_with("rita@reseller.example", &bench.reseller, role, local).await;
    let company = caller(Role::CompanyAdmin, &bench.company, &bench);
    let reseller = caller(Role::ResellerAuditor, &bench.reseller, &bench);
    let plain = SignedIn { user_id: ada, ..caller(Role::CompanyUser, &bench.company, &bench) };
    let other = caller(Role::CompanyUser, &bench.company, &bench);
    for (name, who, id, found) in [
        ("oneself", &plain, ada, true),
        ("a plain user another", &other, ada, false),
        ("the own organisation", &company, ada, true),
        ("below", &reseller, ada, true),
        ("above", &company, rita, false),
        ("nobody", &company, UserId::generate(), false),
    ] {
        let outcome = bench.identity.get_user(who, id).await;
        match outcome {
            Ok(user) => assert!(found && user.id == id, "{name}"),
            Err(fault) => assert!(!found && fault.reason() == Reason::NotFound, "{name}"),
        }
    }
    assert_eq!(bench.identity.resolve_user(ada).await.unwrap().path, bench.company);
    let unknown = bench.identity.resolve_user(UserId::generate()).await.unwrap_err();
    assert_eq!(unknown.reason(), Reason::NotFound);
}

#[tokio::test]
async fn users_are_listed_by_login_in_pages() {
    let bench = Bench::new().await;
    for name in ["carl", "ada", "bob"] {
        bench.user(&format!("{name}@company.example")).await;
    }
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let list = |caller: &SignedIn, role, page_token: &str| {
        bench.identity.list_users(ListUsers {
            caller: caller.clone(),
            organization_id: None,
            role,
            page_size: 2,
            page_token: page_token.to_owned(),
        })
    };
    let first = list(&admin, None, "").await.unwrap();
    let logins: Vec<_> = first.users.iter().map(|user| user.login.as_str()).collect();
    assert_eq!(logins, ["ada@company.example", "bob@company.example"]);
    let second = list(&admin, None, &first.next_page_token).await.unwrap();
    assert_eq!((second.users.len(), second.next_page_token.as_str()), (1, ""));
    let other_filter = list(&admin, Some(Role::CompanyAdmin), &first.next_page_token).await.unwrap_err();
    assert_eq!(other_filter.reason(), Reason::InvalidCursor);
    assert!(list(&admin, Some(Role::CompanyUser), "").await.unwrap().users.is_empty());
    let plain = caller(Role::CompanyUser, &bench.company, &bench);
    assert_eq!(list(&plain, None, "").await.unwrap_err().reason(), Reason::RoleNotAllowed);
    let foreign = ListUsers {
        caller: admin,
        organization_id: Some(bench.reseller.organization_id()),
        role: None,
        page_size: 2,
        page_token: String::new(),
    };
    assert_eq!(bench.identity.list_users(foreign).await.unwrap_err().reason(), Reason::NotFound);
}

#[tokio::test]
async fn whoever_was_shut_out_meanwhile_changes_nothing_any_more() {
    let bench = Bench::new().await;
    let user =
        bench.user_with("ada@company.example", &bench.company, Role::CompanyUser, AuthSource::Local).await;
    let admin_id =
        bench.user_with("root@company.example", &bench.company, Role::CompanyAdmin, AuthSource::Local).await;
    let session = bench.complete("root@company.example").await;
    // The call has been let in; then, while it waits for a hash, its caller's sessions end.
    let admin = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    assert_eq!(admin.user_id, admin_id);
    bench.identity.revoke_session(admin.clone(), None, origin()).await.unwrap();
    let before = bench.events().await.len();
    let password = Password::parse("another good password").unwrap();
    let set =
        SetPassword { caller: admin.clone(), user_id: user, password: password.clone(), origin: origin() };
    assert_eq!(bench.identity.set_password(set).await.unwrap_err().reason(), Reason::TokenInvalid);
    let created = create(&bench, &admin, new(&bench.company, "eve@company.example", Role::CompanyUser)).await;
    assert_eq!(created.unwrap_err().reason(), Reason::TokenInvalid);
    assert_eq!(bench.events().await.len(), before);
    assert_eq!(bench.count("SELECT count(*) FROM user_account WHERE login LIKE 'eve@%'").await, 0);
    bench.start("ada@company.example", PASSWORD).await.unwrap();
}
