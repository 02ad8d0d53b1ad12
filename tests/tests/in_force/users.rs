//! The life of users: identity's acts, which mfa must have applied before they are acknowledged.
//!
//! identity ends what a user has open in the unit of the act: from its commit on, everything of before is dead everywhere, as
//! the other two services ask identity about every access token. And mfa demands nothing of a user who is another than it
//! knows: until it has heard of the act, whoever may sign in at all is told to wait, never let in.

use futures::future::BoxFuture;
use prost_types::FieldMask;
use proto::common::{AuthSource, Role};
use proto::identity::{
    ChangePasswordRequest, DeleteUserRequest, DisableUserRequest, EnableUserRequest, SetPasswordRequest,
    UpdateUserRequest,
};
use testkit::PASSWORD;
use types::ServiceName;

use crate::act::{Act, Answer, By, told};
use crate::drill::{self, Log};
use crate::sight::{Sight, UNSEEN, sight};
use crate::world::World;

const LOG: Log = Log { owner: ServiceName::Identity, followers: &[ServiceName::Mfa] };
const NEW_PASSWORD: &str = "another good password";

/// The other user of the company notices nothing.
const BARE: Sight = sight("OK", "OK", UNSEEN, "COMPLETE");
const ENROLLED: Sight = sight("OK", "OK", "OK", "VERIFY_MFA");

/// The user with a factor has nothing left of before.
const fn dead(next: &'static str) -> Sight {
    sight("TOKEN_INVALID", "REFRESH_REFUSED", "SIGN_IN_REFUSED", next)
}

/// The sign-in stays open for another look.
const fn spare(sight: Sight) -> Sight {
    Sight { open: UNSEEN, ..sight }
}

const ACTS: [Act; 8] = [
    Act::new("DisableUser", disable_user, "identity.user.disabled")
        .committed(BARE, dead("SIGN_IN_REFUSED"))
        .in_force(BARE, dead("SIGN_IN_REFUSED")),
    // What ended with the disabling does not come back.
    Act::new("EnableUser", enable_user, "identity.user.enabled")
        .then(&[disable_user])
        .committed(BARE, dead("DEPENDENCY_UNAVAILABLE"))
        .in_force(BARE, dead("VERIFY_MFA")),
    Act::new("UpdateUser, role", update_role, "identity.user.updated")
        .committed(BARE, dead("DEPENDENCY_UNAVAILABLE"))
        .in_force(BARE, dead("VERIFY_MFA")),
    Act::new("UpdateUser, auth_source", update_source, "identity.user.updated")
        .committed(BARE, dead("SIGN_IN_REFUSED"))
        .in_force(BARE, dead("SIGN_IN_REFUSED")),
    Act::new("DeleteUser", delete_user, "identity.user.deleted")
        .committed(BARE, dead("SIGN_IN_REFUSED"))
        .in_force(BARE, dead("SIGN_IN_REFUSED")),
    Act::new("SetPassword", set_password, "identity.user.password_changed")
        .acts_again()
        .committed(BARE, dead("SIGN_IN_REFUSED"))
        .in_force(BARE, dead("SIGN_IN_REFUSED")),
    Act::new("ChangePassword", change_password, "identity.user.password_changed")
        .committed(sight("TOKEN_INVALID", "REFRESH_REFUSED", UNSEEN, "SIGN_IN_REFUSED"), spare(ENROLLED))
        .in_force(sight("TOKEN_INVALID", "REFRESH_REFUSED", UNSEEN, "SIGN_IN_REFUSED"), ENROLLED),
    // No act of authority: by it one sees that what is dead above was alive.
    Act::new("UpdateUser, display_name", update_name, "identity.user.updated")
        .awaited_by_nobody()
        .committed(BARE, spare(ENROLLED))
        .in_force(BARE, ENROLLED),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_change_of_a_user_is_in_force() {
    let mut world = World::new().await;
    drill::with_everybody_following(&mut world, LOG, &ACTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_user_that_mfa_has_not_heard_of_stands_and_is_not_acknowledged() {
    let mut world = World::new().await;
    drill::with_one_held_back(&mut world, LOG, ServiceName::Mfa, &ACTS, |act| act.committed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_user_is_finished_by_an_mfa_that_comes_back() {
    let mut world = World::new().await;
    drill::with_one_stopped(&mut world, LOG, ServiceName::Mfa, &ACTS).await;
}

pub(crate) fn disable_user(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = DisableUserRequest {
            request_id: by.request_id.clone(),
            user_id: by.subject.enrolled.id.clone(),
            ..DisableUserRequest::default()
        };
        told(by.console.users.clone().disable_user(by.request(message)).await)
    })
}

fn enable_user(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = EnableUserRequest {
            request_id: by.request_id.clone(),
            user_id: by.subject.enrolled.id.clone(),
            ..EnableUserRequest::default()
        };
        told(by.console.users.clone().enable_user(by.request(message)).await)
    })
}

fn delete_user(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = DeleteUserRequest {
            request_id: by.request_id.clone(),
            user_id: by.subject.enrolled.id.clone(),
            ..DeleteUserRequest::default()
        };
        told(by.console.users.clone().delete_user(by.request(message)).await)
    })
}

fn update(by: By, path: &str, changes: UpdateUserRequest) -> BoxFuture<'static, Answer> {
    let message = UpdateUserRequest {
        request_id: by.request_id.clone(),
        user_id: by.subject.enrolled.id.clone(),
        update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
        ..changes
    };
    Box::pin(async move { told(by.console.users.clone().update_user(by.request(message)).await) })
}

fn update_role(by: By) -> BoxFuture<'static, Answer> {
    update(by, "role", UpdateUserRequest { role: Role::CompanyAuditor.into(), ..Default::default() })
}

fn update_source(by: By) -> BoxFuture<'static, Answer> {
    let external_subject = format!("oidc|{}", by.subject.enrolled.login);
    let auth_source = AuthSource::External.into();
    update(by, "auth_source", UpdateUserRequest { auth_source, external_subject, ..Default::default() })
}

fn update_name(by: By) -> BoxFuture<'static, Answer> {
    update(by, "display_name", UpdateUserRequest { display_name: "Another".to_owned(), ..Default::default() })
}

fn set_password(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let (user_id, password) = (by.subject.enrolled.id.clone(), NEW_PASSWORD.to_owned());
        let message = SetPasswordRequest { user_id, password };
        told(by.console.users.clone().set_password(by.request(message)).await)
    })
}

/// The user without a factor does it, in a session that lives on.
fn change_password(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let (current_password, new_password) = (PASSWORD.to_owned(), NEW_PASSWORD.to_owned());
        let message =
            ChangePasswordRequest { current_password, new_password, request_id: by.request_id.clone() };
        let by = By { session: by.subject.own.clone(), ..by };
        told(by.console.users.clone().change_password(by.request(message)).await)
    })
}
