//! Invitations to set a first password.

use access::SignedIn;
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::ops::{AcceptInvitation, ChangeUserState, CreateUser, Invitation, IssueInvitation, NewUser};
use proto::identity::CreateUserResponse;
use time::Duration;
use types::{AuthSource, Password, RequestId, Role, Token, UserId};
use wire::{OrganizationState, UserState};

use crate::support::{Bench, PASSWORD, caller, organization, origin, public};

const LOGIN: &str = "ada@company.example";

fn invited(bench: &Bench) -> NewUser {
    NewUser {
        organization_id: bench.company.organization_id(),
        login: LOGIN.parse().unwrap(),
        display_name: "Ada".parse().unwrap(),
        email: "".parse().unwrap(),
        role: Role::CompanyUser,
        auth_source: AuthSource::Local,
        password: None,
        invite: true,
        external_subject: None,
        enforce_mfa: false,
    }
}

async fn create(bench: &Bench, caller: &SignedIn, key: Option<Key>) -> CreateUserResponse {
    let command = CreateUser { caller: caller.clone(), new: invited(bench), key, origin: origin() };
    bench.identity.create_user(command).await.unwrap()
}

async fn issue(bench: &Bench, caller: &SignedIn, user_id: UserId) -> Outcome<Invitation> {
    bench
        .identity
        .issue_invitation(IssueInvitation { caller: caller.clone(), user_id, origin: origin() })
        .await
}

async fn accept(bench: &Bench, invitation: &str, password: &str) -> Outcome<String> {
    let password = Password::parse(password).unwrap();
    let command = AcceptInvitation { invitation: invitation.parse().ok(), password, origin: origin() };
    bench.identity.accept_invitation(command).await.map(|login| login.to_string())
}

#[tokio::test]
async fn an_invited_user_sets_the_password_once() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let created = create(&bench, &admin, None).await;
    assert!(created.invitation_expire_time.is_some());
    bench.start(LOGIN, PASSWORD).await.unwrap_err();
    // A password that is not accepted does not cost the invitation.
    let refused = accept(&bench, &created.invitation, "short").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::PasswordNotAcceptable);
    assert_eq!(accept(&bench, &created.invitation, PASSWORD).await.unwrap(), LOGIN);
    let again = accept(&bench, &created.invitation, "another good password").await.unwrap_err();
    assert_eq!(again.reason(), Reason::InvitationRefused);
    bench.complete(LOGIN).await;
    let types = bench.event_types().await;
    let expected = ["identity.user.created", "identity.invitation.issued", "identity.invitation.accepted"];
    assert_eq!(types.iter().filter(|name| expected.contains(&name.as_str())).count(), 3, "{types:?}");
    // Neither the log nor the database holds it.
    let owner = bench.database.owner().await;
    let text = created.invitation.as_bytes();
    let sql = "SELECT count(*) FROM event WHERE position($1::bytea IN envelope) > 0";
    assert_eq!(owner.query_one(sql, &[&text]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_retry_of_the_creation_does_not_repeat_the_invitation() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let content = proto::identity::CreateUserRequest::default();
    let key = Key::new(admin.user_id.to_string(), "create_user", RequestId::generate(), &content);
    let first = create(&bench, &admin, Some(key.clone())).await;
    let again = create(&bench, &admin, Some(key)).await;
    assert_eq!((first.user.clone(), again.invitation.as_str()), (again.user, ""));
    // The one that was given out is still good.
    accept(&bench, &first.invitation, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_new_invitation_replaces_the_old() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let created = create(&bench, &admin, None).await;
    let user: UserId = created.user.unwrap().id.parse().unwrap();
    let second = issue(&bench, &admin, user).await.unwrap();
    accept(&bench, &created.invitation, PASSWORD).await.unwrap_err();
    accept(&bench, second.token.expose(), PASSWORD).await.unwrap();
    let refused = issue(&bench, &admin, user).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::PasswordExists);
    let (role, external) = (Role::CompanyUser, AuthSource::External);
    let eve = bench.user_with("eve@company.example", &bench.company, role, external).await;
    assert_eq!(issue(&bench, &admin, eve).await.unwrap_err().reason(), Reason::UserNotLocal);
    assert_eq!(issue(&bench, &admin, UserId::generate()).await.unwrap_err().reason(), Reason::NotFound);
}

#[tokio::test]
async fn what_is_wrong_with_an_invitation_is_not_told() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let created = create(&bench, &admin, None).await;
    let mut answers = Vec::new();
    for wrong in [Token::generate().unwrap().expose(), "x"] {
        answers.push(public(&accept(&bench, wrong, PASSWORD).await.unwrap_err()));
    }
    bench.execute("UPDATE user_account SET state = 'disabled'").await;
    answers.push(public(&accept(&bench, &created.invitation, PASSWORD).await.unwrap_err()));
    bench.execute("UPDATE user_account SET state = 'active'").await;
    bench.project(&organization(&bench.reseller, "reseller", OrganizationState::Inactive, 2)).await;
    answers.push(public(&accept(&bench, &created.invitation, PASSWORD).await.unwrap_err()));
    bench.project(&organization(&bench.reseller, "reseller", OrganizationState::Active, 3)).await;
    bench.clock.advance(Duration::hours(72));
    answers.push(public(&accept(&bench, &created.invitation, PASSWORD).await.unwrap_err()));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].starts_with("INVITATION_REFUSED"));
}

#[tokio::test]
async fn two_who_accept_at_once_do_not_both_succeed() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let invitation = create(&bench, &admin, None).await.invitation;
    let passwords: Vec<String> = (0..4).map(|number| format!("a good password {number}")).collect();
    let outcomes =
        futures::future::join_all(passwords.iter().map(|password| accept(&bench, &invitation, password)))
            .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for (password, outcome) in passwords.iter().zip(&outcomes) {
        assert_eq!(bench.start(LOGIN, password).await.is_ok(), outcome.is_ok());
    }
}

#[tokio::test]
async fn an_invitation_does_not_outlive_a_disabled_user() {
    let bench = Bench::new().await;
    let admin = caller(Role::CompanyAdmin, &bench.company, &bench);
    let created = create(&bench, &admin, None).await;
    let user_id = created.user.unwrap().id.parse().unwrap();
    for state in [UserState::Inactive, UserState::Active] {
        let command = ChangeUserState {
            caller: admin.clone(),
            user_id,
            state,
            reason: "the mail went astray".parse().unwrap(),
            etag: None,
            key: None,
            origin: origin(),
        };
        bench.identity.change_user_state(command).await.unwrap();
    }
    let refused = accept(&bench, &created.invitation, PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::InvitationRefused);
    assert_eq!(bench.count("SELECT count(*) FROM invitation").await, 0);
}
