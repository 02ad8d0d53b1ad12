//! Setting and changing passwords.

use access::{Authenticator, SignedIn};
use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::ops::{ChangePassword, OpenedSession, SetPassword, VerifyMfa};
use proto::events::event::Payload;
use types::{AuthSource, Password, Role, UserId};

use crate::support::{Bench, PASSWORD, caller, lives, origin, refresh};

const NEW: &str = "another good password";

async fn set(bench: &Bench, caller: &SignedIn, user_id: UserId, password: &str) -> Outcome<()> {
    let password = Password::parse(password).unwrap();
    let command = SetPassword { caller: caller.clone(), user_id, password, origin: origin() };
    bench.identity.set_password(command).await
}

async fn change(bench: &Bench, session: &OpenedSession, current: &str, new: &str) -> Outcome<()> {
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    let [current, new] = [current, new].map(|text| Password::parse(text).unwrap());
    let command = ChangePassword { bearer, current, new, key: None, origin: origin() };
    bench.identity.change_password(command).await
}

#[tokio::test]
async fn a_password_that_is_set_ends_everything_of_before() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    assert_eq!(set(&bench, &admin, user, NEW).await.unwrap_err().reason(), Reason::TargetOutranksActor);
    let admin = caller(Role::ResellerOperator, &bench.reseller, &bench);
    let session = bench.complete("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    set(&bench, &admin, user, NEW).await.unwrap();
    assert!(!lives(&bench, &session).await);
    refresh(&bench, &session).await.unwrap_err();
    let code = "123456".parse().unwrap();
    let late = VerifyMfa { sign_in_token: Some(token), code, key: None, origin: origin() };
    assert_eq!(bench.identity.verify_mfa(late).await.unwrap_err().reason(), Reason::SignInRefused);
    bench.mfa.demand(Demand::None);
    bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    bench.start("ada@company.example", NEW).await.unwrap();
    let events = bench.events().await;
    let changed = events.iter().find(|event| event.r#type == "identity.user.password_changed").unwrap();
    let Some(Payload::UserPasswordChanged(payload)) = &changed.payload else { panic!("another payload") };
    assert!(payload.by_administrator);
    assert_eq!(payload.user.as_ref().unwrap().version, 2);
}

#[tokio::test]
async fn only_acceptable_passwords_of_local_users_below_are_set() {
    let bench = Bench::new().await;
    let (admin, external) = (caller(Role::ResellerAdmin, &bench.reseller, &bench), AuthSource::External);
    let user = bench.user("ada@company.example").await;
    let eve = bench.user_with("eve@company.example", &bench.company, Role::CompanyUser, external).await;
    let oneself = SignedIn { user_id: user, ..admin.clone() };
    for (name, who, whom, password, reason) in [
        ("external", &admin, eve, NEW, Reason::UserNotLocal),
        ("short", &admin, user, "short", Reason::PasswordNotAcceptable),
        ("common", &admin, user, "password1", Reason::PasswordNotAcceptable),
        ("login", &admin, user, "ada@company.example", Reason::PasswordNotAcceptable),
        ("oneself", &oneself, user, NEW, Reason::SelfAdministration),
        ("nobody", &admin, UserId::generate(), NEW, Reason::NotFound),
    ] {
        assert_eq!(set(&bench, who, whom, password).await.unwrap_err().reason(), reason, "{name}");
    }
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn whoever_changes_their_password_keeps_this_session_and_no_other() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let [session, other] =
        [bench.complete("ada@company.example").await, bench.complete("ada@company.example").await];
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    bench.mfa.demand(Demand::None);
    change(&bench, &session, PASSWORD, NEW).await.unwrap();
    assert!(lives(&bench, &session).await && !lives(&bench, &other).await);
    refresh(&bench, &session).await.unwrap();
    refresh(&bench, &other).await.unwrap_err();
    let code = "123456".parse().unwrap();
    let late = VerifyMfa { sign_in_token: Some(token), code, key: None, origin: origin() };
    assert_eq!(bench.identity.verify_mfa(late).await.unwrap_err().reason(), Reason::SignInRefused);
    bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    bench.start("ada@company.example", NEW).await.unwrap();
    // And again, in the same session.
    change(&bench, &session, NEW, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_wrong_present_password_changes_nothing() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    for (current, new, reason) in [
        ("wrong", NEW, Reason::CodeRefused),
        ("wrong", "short", Reason::CodeRefused),
        (PASSWORD, "short", Reason::PasswordNotAcceptable),
    ] {
        assert_eq!(change(&bench, &session, current, new).await.unwrap_err().reason(), reason);
    }
    assert!(lives(&bench, &session).await);
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn an_external_user_has_no_password_to_change() {
    let bench = Bench::new().await;
    let (role, external) = (Role::CompanyUser, AuthSource::External);
    bench.user_with("ada@company.example", &bench.company, role, external).await;
    let session = crate::external::assert(&bench, "ada@company.example", &[]).await.unwrap();
    let refused = change(&bench, &session, PASSWORD, NEW).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::UserNotLocal);
}
