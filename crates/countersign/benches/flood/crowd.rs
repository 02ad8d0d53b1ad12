//! Who signs in.

use proto::common::{Client, Role};
use proto::identity::{StartSignInRequest, StartSignInResponse};
use testkit::{Authenticator, Console, PASSWORD, TestSystem, Tree, as_user};
use tonic::Status;

/// A sign-in that waits for its code.
pub(crate) struct Enrolled {
    pub(crate) token: String,
    pub(crate) authenticator: Authenticator,
}

/// The password step, from an address.
pub(crate) async fn start(
    console: &Console,
    address: &str,
    login: &str,
    password: &str,
) -> Result<StartSignInResponse, Status> {
    let client = Some(Client { address: address.to_owned(), user_agent: String::new() });
    let request = StartSignInRequest { login: login.to_owned(), password: password.to_owned(), client };
    Ok(console.sign_ins.clone().start_sign_in(request).await?.into_inner())
}

/// Users of whom nothing but the password is asked; their logins.
pub(crate) async fn plain(system: &TestSystem, tree: &Tree, count: usize) -> Vec<String> {
    let mut logins = Vec::new();
    for number in 0..count {
        let login = format!("plain{number}@acme.example");
        create(system, tree, &login, false).await;
        logins.push(login);
    }
    logins
}

/// Users with an authenticator, whose next sign-in waits for its code.
pub(crate) async fn enrolled(system: &TestSystem, tree: &Tree, count: usize) -> Vec<Enrolled> {
    let mut all = Vec::new();
    for number in 0..count {
        let login = format!("enrolled{number}@acme.example");
        create(system, tree, &login, true).await;
        let begun = start(&system.console, "192.0.2.250", &login, PASSWORD).await.unwrap();
        let enrolment = system.console.enrol(&begun.sign_in_token, "", system.now()).await;
        let (authenticator, _) = enrolment.unwrap();
        let begun = start(&system.console, "192.0.2.250", &login, PASSWORD).await.unwrap();
        all.push(Enrolled { token: begun.sign_in_token, authenticator });
    }
    all
}

async fn create(system: &TestSystem, tree: &Tree, login: &str, enforce_mfa: bool) {
    let request = proto::identity::CreateUserRequest {
        organization_id: tree.company.id.clone(),
        login: login.to_owned(),
        display_name: "Test User".to_owned(),
        role: Role::CompanyUser.into(),
        password: PASSWORD.to_owned(),
        enforce_mfa,
        ..Default::default()
    };
    system.console.users.clone().create_user(as_user(&tree.reseller_session, request)).await.unwrap();
}
