//! Disabling, enabling and deleting users.

use access::SignedIn;
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::ops::ChangeUserState;
use proto::common::UserState as WireState;
use proto::events::event::Payload;
use proto::identity::User;
use types::{AuthSource, Login, RequestId, Role, UserId};
use wire::UserState;

use crate::support::{Bench, PASSWORD, caller, lives, origin, public, refresh};

const LOGIN: &str = "ada@company.example";

fn command(caller: &SignedIn, user_id: UserId, state: UserState) -> ChangeUserState {
    ChangeUserState {
        caller: caller.clone(),
        user_id,
        state,
        reason: "left the company".parse().unwrap(),
        etag: None,
        key: None,
        origin: origin(),
    }
}

async fn make(bench: &Bench, caller: &SignedIn, user: UserId, state: UserState) -> Outcome<User> {
    bench.identity.change_user_state(command(caller, user, state)).await
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_and_enabled_starts_afresh() {
    let bench = Bench::new().await;
    let user = bench.user(LOGIN).await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let session = bench.complete(LOGIN).await;
    let disabled = make(&bench, &admin, user, UserState::Inactive).await.unwrap();
    assert_eq!(disabled.state(), WireState::Disabled);
    assert!(!lives(&bench, &session).await);
    bench.start(LOGIN, PASSWORD).await.unwrap_err();
    // Again: answered as it is, and nothing is said twice.
    let events = bench.events().await.len();
    assert_eq!(make(&bench, &admin, user, UserState::Inactive).await.unwrap(), disabled);
    assert_eq!(bench.events().await.len(), events);
    make(&bench, &admin, user, UserState::Active).await.unwrap();
    assert!(!lives(&bench, &session).await);
    assert_eq!(refresh(&bench, &session).await.unwrap_err().reason(), Reason::RefreshRefused);
    bench.complete(LOGIN).await;
    let types = bench.event_types().await;
    for name in ["identity.user.disabled", "identity.user.enabled"] {
        assert_eq!(types.iter().filter(|type_| *type_ == name).count(), 1, "{types:?}");
    }
}

#[tokio::test]
async fn of_who_is_deleted_nothing_is_left_but_the_id() {
    let bench = Bench::new().await;
    let user = bench.user(LOGIN).await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    bench.execute("UPDATE user_account SET display_name = 'Ada Lovelace', email = 'ada@example.com'").await;
    let session = bench.complete(LOGIN).await;
    let deleted = make(&bench, &admin, user, UserState::Deleted).await.unwrap();
    assert_eq!((deleted.state(), deleted.login), (WireState::Deleted, Login::of_deleted(user).to_string()));
    assert!(!lives(&bench, &session).await);
    // Not `ada` alone: ids are written in hexadecimal.
    let row = r"SELECT count(*) FROM user_account u WHERE u::text ~* '\mada@|lovelace|argon2'";
    assert_eq!(bench.count(row).await, 0);
    let events = bench.events().await;
    let event = events.iter().find(|event| event.r#type == "identity.user.deleted").unwrap();
    let Some(Payload::UserDeleted(payload)) = &event.payload else { panic!("another payload") };
    let facts = wire::UserFacts::parse(payload.user.as_ref()).unwrap();
    assert_eq!((facts.id, facts.state, facts.version), (user, UserState::Deleted, 2));
    assert!(facts.login.is_nobodys());

    // They are nobody from now on, like somebody who never was.
    let nobody = UserId::generate();
    for state in [UserState::Active, UserState::Inactive, UserState::Deleted] {
        let gone = public(&make(&bench, &admin, user, state).await.unwrap_err());
        assert_eq!(gone, public(&make(&bench, &admin, nobody, state).await.unwrap_err()));
    }
    let gone = public(&bench.identity.get_user(&admin, user).await.unwrap_err());
    assert_eq!(gone, public(&bench.identity.get_user(&admin, nobody).await.unwrap_err()));
    assert_eq!(bench.identity.resolve_user(user).await.unwrap_err().reason(), Reason::NotFound);
    bench.start(Login::of_deleted(user).as_str(), PASSWORD).await.unwrap_err();
    // The login is free.
    let successor = bench.user(LOGIN).await;
    assert_ne!(successor, user);
    bench.complete(LOGIN).await;
}

#[tokio::test]
async fn a_retry_of_a_deletion_is_answered_again() {
    let bench = Bench::new().await;
    let user = bench.user(LOGIN).await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let content = proto::identity::DeleteUserRequest::default();
    let key = Key::new(admin.user_id.to_string(), "delete_user", RequestId::generate(), &content);
    let call = || {
        let command = ChangeUserState { key: Some(key.clone()), ..command(&admin, user, UserState::Deleted) };
        bench.identity.change_user_state(command)
    };
    let first = call().await.unwrap();
    assert_eq!(call().await.unwrap(), first);
    let stranger = caller(Role::CompanyAdmin, &bench.company, &bench);
    let refused = make(&bench, &stranger, user, UserState::Deleted).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotFound);
}

#[tokio::test]
async fn nobody_disables_themselves_or_who_stands_above() {
    let bench = Bench::new().await;
    let (user, local) = (bench.user(LOGIN).await, AuthSource::Local);
    let rita = bench.user_with("rita@reseller.example", &bench.reseller, Role::ResellerAdmin, local).await;
    let company = caller(Role::CompanyAdmin, &bench.company, &bench);
    let oneself = SignedIn { user_id: user, ..company.clone() };
    let operator = caller(Role::ProviderOperator, &bench.provider, &bench);
    for (name, who, whom, reason) in [
        ("oneself", &oneself, user, Reason::SelfAdministration),
        ("an equal", &company, user, Reason::TargetOutranksActor),
        ("above", &company, rita, Reason::NotFound),
        ("nobody", &company, UserId::generate(), Reason::NotFound),
        ("an operator and a reseller's user", &operator, rita, Reason::RoleNotAllowed),
    ] {
        for state in [UserState::Inactive, UserState::Active, UserState::Deleted] {
            assert_eq!(make(&bench, who, whom, state).await.unwrap_err().reason(), reason, "{name}");
        }
    }
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn the_provider_keeps_an_administrator_even_when_two_turn_on_each_other() {
    let bench = Bench::new().await;
    let (role, local) = (Role::ProviderAdmin, AuthSource::Local);
    let a = bench.user_with("a@provider.example", &bench.provider, role, local).await;
    let b = bench.user_with("b@provider.example", &bench.provider, role, local).await;
    let external = AuthSource::External;
    bench.user_with("c@provider.example", &bench.provider, role, external).await;
    let [as_a, as_b] = [a, b].map(|user_id| SignedIn { user_id, ..caller(role, &bench.provider, &bench) });
    let (first, second) =
        tokio::join!(make(&bench, &as_a, b, UserState::Inactive), make(&bench, &as_b, a, UserState::Deleted));
    let refused = match (first, second) {
        (Ok(_), Err(fault)) | (Err(fault), Ok(_)) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused.reason(), Reason::LastAdministrator);
    let keepers = "SELECT count(*) FROM user_account WHERE state = 'active' AND auth_source = 'local'";
    assert_eq!(bench.count(keepers).await, 1);
}
