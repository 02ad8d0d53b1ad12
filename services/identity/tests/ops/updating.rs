//! Changing users: their names, roles and authentication sources.

use access::SignedIn;
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::domain::user_change::{Changes, NewSource};
use identity::ops::UpdateUser;
use proto::common::{AuthSource as WireSource, Role as WireRole};
use proto::events::event::Payload;
use proto::identity::User;
use types::{AuthSource, Password, RequestId, Role, UserId};

use crate::support::{Bench, PASSWORD, caller, lives, origin, refresh};

fn nothing() -> Changes<Password> {
    Changes { display_name: None, email: None, role: None, source: None }
}

fn role(role: Role) -> Changes<Password> {
    Changes { role: Some(role), ..nothing() }
}

fn name(name: &str) -> Changes<Password> {
    Changes { display_name: Some(name.parse().unwrap()), ..nothing() }
}

fn to_external(subject: &str) -> Changes<Password> {
    Changes { source: Some(NewSource::External(subject.parse().unwrap())), ..nothing() }
}

fn to_local(password: &str) -> Changes<Password> {
    Changes { source: Some(NewSource::Local(Password::parse(password))), ..nothing() }
}

async fn update(bench: &Bench, caller: &SignedIn, id: UserId, changes: Changes<Password>) -> Outcome<User> {
    let (caller, origin) = (caller.clone(), origin());
    let command = UpdateUser { caller, user_id: id, changes, etag: None, key: None, origin };
    bench.identity.update_user(command).await
}

#[tokio::test]
async fn a_new_role_ends_sessions_and_sign_ins_and_a_new_name_does_not() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let session = bench.complete("ada@company.example").await;
    let renamed = update(&bench, &admin, user, name("Ada L.")).await.unwrap();
    assert_eq!(renamed.display_name, "Ada L.");
    assert!(lives(&bench, &session).await);
    let changed = update(&bench, &admin, user, role(Role::CompanyAuditor)).await.unwrap();
    assert_eq!(changed.role(), WireRole::CompanyAuditor);
    assert_ne!(changed.etag, renamed.etag);
    assert!(!lives(&bench, &session).await);
    assert_eq!(refresh(&bench, &session).await.unwrap_err().reason(), Reason::RefreshRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session WHERE end_cause = 'user_changed'").await, 1);

    let events = bench.events().await;
    let [.., renaming, changing, ending, refused] = events.as_slice() else { panic!("too few events") };
    assert_eq!(ending.r#type, "identity.session.ended");
    assert_eq!(refused.r#type, "identity.call.refused", "whoever shows its token afterwards");
    for (event, fields, version) in [(renaming, "display_name", 1), (changing, "role", 2)] {
        assert_eq!(event.r#type, "identity.user.updated");
        assert_eq!(event.actor.as_ref().unwrap().id, admin.user_id.to_string());
        let Some(Payload::UserUpdated(payload)) = &event.payload else { panic!("another payload") };
        assert_eq!(payload.changed_fields, [fields]);
        assert_eq!(payload.user.as_ref().unwrap().version, version);
    }
}

#[tokio::test]
async fn a_sign_in_under_way_dies_with_the_role() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let token = bench.pending("ada@company.example", identity::domain::evaluation::Demand::Verify).await;
    update(&bench, &admin, user, role(Role::CompanyAuditor)).await.unwrap();
    let command = identity::ops::VerifyMfa {
        sign_in_token: Some(token),
        code: "123456".parse().unwrap(),
        key: None,
        origin: origin(),
    };
    assert_eq!(bench.identity.verify_mfa(command).await.unwrap_err().reason(), Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn what_already_is_as_asked_for_leaves_no_event() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let first = update(&bench, &admin, user, role(Role::CompanyAuditor)).await.unwrap();
    let events = bench.events().await.len();
    assert_eq!(update(&bench, &admin, user, role(Role::CompanyAuditor)).await.unwrap(), first);
    assert_eq!(bench.events().await.len(), events);
}

#[tokio::test]
async fn one_changes_of_oneself_the_name_and_the_address_only() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    // Without any second factor, and while tenant knows nothing.
    let oneself =
        SignedIn { user_id: user, mfa_time: None, ..caller(Role::CompanyUser, &bench.company, &bench) };
    let email = Changes { email: Some("ada@example.com".parse().unwrap()), ..name("Ada") };
    assert_eq!(update(&bench, &oneself, user, email).await.unwrap().email, "ada@example.com");
    for changes in [role(Role::CompanyAuditor), to_external("ada"), to_local(PASSWORD)] {
        let refused = update(&bench, &oneself, user, changes).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::SelfAdministration);
    }
}

#[tokio::test]
async fn who_may_not_change_whom_is_told_why() {
    let bench = Bench::new().await;
    let (user, local) = (bench.user("ada@company.example").await, AuthSource::Local);
    let rita = bench.user_with("rita@reseller.example", &bench.reseller, Role::ResellerAdmin, local).await;
    let company = caller(Role::CompanyAdmin, &bench.company, &bench);
    let reseller = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let stale = SignedIn { mfa_time: None, ..reseller.clone() };
    let stranger = caller(Role::CompanyAuditor, &bench.company, &bench);
    let up = role(Role::CompanyAdmin);
    let user_role = role(Role::CompanyUser);
    for (name, who, whom, changes, reason) in [
        ("no administrator", &stranger, user, user_role.clone(), Reason::RoleNotAllowed),
        (
            "no administrator, nobody",
            &stranger,
            UserId::generate(),
            user_role.clone(),
            Reason::RoleNotAllowed,
        ),
        ("stale", &stale, user, user_role.clone(), Reason::MfaStepUpRequired),
        ("stale, nobody", &stale, UserId::generate(), user_role.clone(), Reason::MfaStepUpRequired),
        ("above", &company, rita, user_role.clone(), Reason::NotFound),
        ("nobody", &company, UserId::generate(), user_role.clone(), Reason::NotFound),
        ("same rank", &company, user, user_role.clone(), Reason::TargetOutranksActor),
        ("same rank, reseller", &reseller, rita, role(Role::ResellerAuditor), Reason::TargetOutranksActor),
        ("role of another kind", &reseller, user, role(Role::ResellerAuditor), Reason::InvalidArgument),
        ("role above", &reseller, user, role(Role::ProviderAdmin), Reason::TargetOutranksActor),
    ] {
        assert_eq!(update(&bench, who, whom, changes).await.unwrap_err().reason(), reason, "{name}");
    }
    assert!(bench.events().await.is_empty());
    update(&bench, &reseller, user, up).await.unwrap();
}

#[tokio::test]
async fn another_state_than_was_seen_is_not_changed_and_a_retry_is_answered_again() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let seen = update(&bench, &admin, user, name("Ada")).await.unwrap().etag;
    let id = RequestId::generate();
    let call = |role_: Role, etag: &str| {
        let content =
            proto::identity::UpdateUserRequest { display_name: role_.to_string(), ..Default::default() };
        let command = UpdateUser {
            caller: admin.clone(),
            user_id: user,
            changes: role(role_),
            etag: Some(etag.to_owned()),
            key: Some(Key::new(admin.user_id.to_string(), "update_user", id, &content)),
            origin: origin(),
        };
        bench.identity.update_user(command)
    };
    assert_eq!(call(Role::CompanyAuditor, "v999").await.unwrap_err().reason(), Reason::EtagMismatch);
    let first = call(Role::CompanyAuditor, &seen).await.unwrap();
    // The retry is answered although the state is another by now.
    assert_eq!(call(Role::CompanyAuditor, &seen).await.unwrap(), first);
    assert_eq!(call(Role::CompanyUser, &seen).await.unwrap_err().reason(), Reason::RequestIdReused);
}

#[tokio::test]
async fn between_local_and_external_nothing_survives() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let by_password = bench.complete("ada@company.example").await;
    let changed = update(&bench, &admin, user, to_external("ada")).await.unwrap();
    assert_eq!(changed.auth_source(), WireSource::External);
    assert!(!lives(&bench, &by_password).await);
    refresh(&bench, &by_password).await.unwrap_err();
    let refused = bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM user_account WHERE password_hash IS NOT NULL").await, 0);

    let asserted = crate::external::assert(&bench, "ada", &["mfa"]).await.unwrap();
    let changed = update(&bench, &admin, user, to_local("another good password")).await.unwrap();
    assert_eq!(changed.auth_source(), WireSource::Local);
    assert!(!lives(&bench, &asserted).await);
    refresh(&bench, &asserted).await.unwrap_err();
    crate::external::assert(&bench, "ada", &[]).await.unwrap_err();
    bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    bench.start("ada@company.example", "another good password").await.unwrap();
}

#[tokio::test]
async fn a_subject_belongs_to_one_user_and_a_password_to_local_ones() {
    let bench = Bench::new().await;
    let external = AuthSource::External;
    let user = bench.user("ada@company.example").await;
    let eve = bench.user_with("eve", &bench.company, Role::CompanyUser, external).await;
    bench.execute("UPDATE user_account SET login = 'eve@company.example' WHERE login = 'eve'").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let taken = update(&bench, &admin, user, to_external("eve")).await.unwrap_err();
    assert_eq!(taken.reason(), Reason::ExternalSubjectTaken);
    bench.start("ada@company.example", PASSWORD).await.unwrap();
    for (user, password, reason) in
        [(user, PASSWORD, Reason::InvalidArgument), (eve, "short", Reason::PasswordNotAcceptable)]
    {
        let refused = update(&bench, &admin, user, to_local(password)).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
    }
    // Another subject is another person: what was opened for the first one ends.
    let session = crate::external::assert(&bench, "eve", &[]).await.unwrap();
    update(&bench, &admin, eve, to_external("eva")).await.unwrap();
    assert!(!lives(&bench, &session).await);
    crate::external::assert(&bench, "eve", &[]).await.unwrap_err();
    crate::external::assert(&bench, "eva", &[]).await.unwrap();
}
