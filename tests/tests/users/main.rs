//! The life cycle of users and of the organisations they belong to, end to end: what a change takes away is gone on every
//! service when the call has answered.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what surprises a test's helper fails the test")]

mod external;
mod lives;
mod organizations;

use prost_types::FieldMask;
use proto::common::AuthSource;
use proto::identity::{AssertExternalSignInRequest, DisableUserRequest, Session, UpdateUserRequest, User};
use proto::mfa::{EnforceMfaRequest, ListFactorsRequest};
use proto::tenant::GetOrganizationRequest;
use testkit::{Console, TestSystem, as_user, company_target, reason};
use tonic::Status;

const SUBJECT: &str = "oidc|248289761001";
const NEW_PASSWORD: &str = "another good password";

/// What the broker says: this person is here, and proved two factors elsewhere.
async fn assert_external(system: &TestSystem, subject: &str) -> Result<Session, Status> {
    let request = AssertExternalSignInRequest {
        realm: "acme.example".to_owned(),
        subject: subject.to_owned(),
        amr: vec!["pwd".to_owned(), "mfa".to_owned()],
        ..AssertExternalSignInRequest::default()
    };
    let broker = system.client_of(0, "broker");
    let answer = broker.sign_ins.clone().assert_external_sign_in(request).await?.into_inner();
    Ok(answer.session.expect("a session"))
}

fn update(id: &str, path: &str) -> UpdateUserRequest {
    let update_mask = Some(FieldMask { paths: vec![path.to_owned()] });
    UpdateUserRequest { user_id: id.to_owned(), update_mask, ..UpdateUserRequest::default() }
}

async fn to_external(console: &Console, by: &Session, id: &str) -> Result<User, Status> {
    let request = UpdateUserRequest {
        auth_source: AuthSource::External.into(),
        external_subject: SUBJECT.to_owned(),
        ..update(id, "auth_source")
    };
    Ok(console.users.clone().update_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn to_local(console: &Console, by: &Session, id: &str, password: &str) -> Result<User, Status> {
    let request = UpdateUserRequest {
        auth_source: AuthSource::Local.into(),
        password: password.to_owned(),
        ..update(id, "auth_source")
    };
    Ok(console.users.clone().update_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn disable(console: &Console, by: &Session, id: &str) -> Result<User, Status> {
    let request = DisableUserRequest { user_id: id.to_owned(), ..DisableUserRequest::default() };
    Ok(console.users.clone().disable_user(as_user(by, request)).await?.into_inner().user.expect("a user"))
}

async fn enforce_for_company(console: &Console, by: &Session, company_id: &str) {
    let request = EnforceMfaRequest { target: company_target(company_id), ..EnforceMfaRequest::default() };
    console.enforcement.clone().enforce_mfa(as_user(by, request)).await.expect("it is enforced");
}

/// What each service says to an access token.
async fn heard(console: &Console, session: &Session) -> [String; 3] {
    let said = |outcome: Result<(), Status>| outcome.map_or_else(reason, |()| "OK".to_owned());
    let list = ListFactorsRequest::default();
    let get = GetOrganizationRequest::default();
    let current = proto::identity::GetCurrentUserRequest {};
    let tenant = console.tenants.clone().get_organization(as_user(session, get)).await.map(drop);
    [
        // The request names no organisation: only who may ask gets as far as hearing that.
        said(tenant).replace("INVALID_ARGUMENT", "OK"),
        said(console.sessions.clone().get_current_user(as_user(session, current)).await.map(drop)),
        said(console.factors.clone().list_factors(as_user(session, list)).await.map(drop)),
    ]
}

async fn assert_alive(console: &Console, session: &Session) {
    assert_eq!(heard(console, session).await, ["OK", "OK", "OK"]);
}

async fn assert_dead(console: &Console, session: &Session) {
    assert_eq!(heard(console, session).await, ["TOKEN_INVALID", "TOKEN_INVALID", "TOKEN_INVALID"]);
    assert_eq!(reason(console.refresh(session).await.unwrap_err()), "REFRESH_REFUSED");
}
