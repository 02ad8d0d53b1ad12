//! Whom an administrator may touch is decided on tenant's word: from the commit on, whatever the copies say that have not heard
//! of it.

use proto::common::Role;
use proto::identity::{CreateUserRequest, GetUserRequest, ListUsersRequest, Session};
use testkit::{PASSWORD, as_user, reason};
use tonic::Status;
use types::ServiceName;

use crate::act::{Act, By, Deed};
use crate::organizations::{delete_company, move_company, suspend_company};
use crate::users::disable_user;
use crate::world::World;

/// What tenant commits, and what its old reseller's administrator may then do in the company: create a user, list them, get
/// one, disable one.
const ACTS: [(&str, Deed, [&str; 4]); 3] = [
    ("SuspendOrganization", suspend_company, ["ORGANIZATION_NOT_ACTIVE", "OK", "OK", "OK"]),
    ("MoveCompany", move_company, ["NOT_FOUND"; 4]),
    ("DeleteOrganization", delete_company, ["NOT_FOUND"; 4]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_administrator_may_touch_is_decided_on_what_tenant_has_committed() {
    let mut world = World::new().await;
    let table = ACTS.map(|(name, call, _)| Act::new(name, call, ""));
    let cases = world.prepare(ServiceName::Tenant, &table).await;
    for (case, (name, call, expected)) in cases.iter().zip(ACTS) {
        let by = &case.by;
        let admin = world.reseller_admin(&by.subject).await;
        let _identity = world.system.hold_follower(ServiceName::Identity, ServiceName::Tenant).await;
        let _mfa = world.system.hold_follower(ServiceName::Mfa, ServiceName::Tenant).await;
        let impatient = By { timeout: std::time::Duration::from_secs(1), ..by.clone() };
        assert_eq!(said(call(impatient).await), "NOT_YET_IN_FORCE", "{name}");
        assert_eq!(touch(by, &admin).await, expected, "{name}");
    }
}

async fn touch(by: &By, admin: &Session) -> [String; 4] {
    let mut users = by.console.users.clone();
    let company = &by.subject.company;
    let create = CreateUserRequest {
        organization_id: company.id.clone(),
        login: format!("late@{}", company.realms.first().unwrap()),
        role: Role::CompanyUser.into(),
        password: PASSWORD.to_owned(),
        ..CreateUserRequest::default()
    };
    let list = ListUsersRequest { organization_id: company.id.clone(), ..ListUsersRequest::default() };
    let get = GetUserRequest { user_id: by.subject.enrolled.id.clone() };
    [
        said(users.create_user(as_user(admin, create)).await),
        said(users.list_users(as_user(admin, list)).await),
        said(users.get_user(as_user(admin, get)).await),
        said(disable_user(By { session: admin.clone(), ..by.clone() }).await),
    ]
}

fn said<T>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(reason, |_| "OK".to_owned())
}
