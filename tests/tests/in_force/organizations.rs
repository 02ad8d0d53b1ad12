//! The life of organisations: tenant's acts, which identity and mfa must have applied before they are acknowledged.

use futures::future::BoxFuture;
use proto::tenant::{
    DeleteOrganizationRequest, MoveCompanyRequest, ResumeOrganizationRequest, SuspendOrganizationRequest,
};
use types::ServiceName;

use crate::act::{Act, Answer, By, told};
use crate::drill::{self, Log};
use crate::sight::{NOT_LOOKED_AT, Sight, UNSEEN, sight};
use crate::world::World;

const LOG: Log = Log { owner: ServiceName::Tenant, followers: &[ServiceName::Identity, ServiceName::Mfa] };

/// What the user without a factor had is gone.
const fn bare(next: &'static str) -> Sight {
    sight("TOKEN_INVALID", "REFRESH_REFUSED", UNSEEN, next)
}

/// What the user with a factor had is gone.
const fn enrolled(next: &'static str) -> Sight {
    sight("TOKEN_INVALID", "REFRESH_REFUSED", "SIGN_IN_REFUSED", next)
}

const ACTS: [Act; 5] = [
    Act::new("SuspendOrganization, a company", suspend_company, "tenant.organization.suspended")
        .in_force(bare("SIGN_IN_REFUSED"), enrolled("SIGN_IN_REFUSED")),
    Act::new("SuspendOrganization, a reseller", suspend_reseller, "tenant.organization.suspended")
        .in_force(bare("SIGN_IN_REFUSED"), enrolled("SIGN_IN_REFUSED")),
    // What ended with the suspension does not come back with its end.
    Act::new("ResumeOrganization", resume_company, "tenant.organization.resumed")
        .then(&[suspend_company])
        .in_force(bare("COMPLETE"), enrolled("VERIFY_MFA")),
    Act::new("MoveCompany to a reseller that enforces", move_company, "tenant.organization.moved")
        .in_force(bare("ENROLL_MFA"), enrolled("VERIFY_MFA")),
    Act::new("DeleteOrganization", delete_company, "tenant.organization.deleted")
        .in_force(bare("SIGN_IN_REFUSED"), enrolled("SIGN_IN_REFUSED")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_change_of_an_organization_is_in_force() {
    let mut world = World::new().await;
    drill::with_everybody_following(&mut world, LOG, &ACTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_identity_has_not_heard_of_is_not_acknowledged() {
    let mut world = World::new().await;
    // What users have open is identity's to end. What administrators may do is decided on tenant's word: see `power`.
    let committed = |_: &Act| [NOT_LOOKED_AT, NOT_LOOKED_AT];
    drill::with_one_held_back(&mut world, LOG, ServiceName::Identity, &ACTS, committed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_mfa_has_not_heard_of_is_not_acknowledged() {
    let mut world = World::new().await;
    // identity has: to the users nothing is missing.
    drill::with_one_held_back(&mut world, LOG, ServiceName::Mfa, &ACTS, |act| act.in_force).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_finished_by_services_that_come_back() {
    let mut world = World::new().await;
    for stopped in [ServiceName::Identity, ServiceName::Mfa] {
        drill::with_one_stopped(&mut world, LOG, stopped, &ACTS).await;
    }
}

fn suspend(by: By, organization_id: String) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let request_id = by.request_id.clone();
        let message = SuspendOrganizationRequest {
            request_id,
            organization_id,
            ..SuspendOrganizationRequest::default()
        };
        told(by.console.tenants.clone().suspend_organization(by.request(message)).await)
    })
}

pub(crate) fn suspend_company(by: By) -> BoxFuture<'static, Answer> {
    let id = by.subject.company.id.clone();
    suspend(by, id)
}

fn suspend_reseller(by: By) -> BoxFuture<'static, Answer> {
    let id = by.subject.reseller.id.clone();
    suspend(by, id)
}

fn resume_company(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = ResumeOrganizationRequest {
            request_id: by.request_id.clone(),
            organization_id: by.subject.company.id.clone(),
            ..ResumeOrganizationRequest::default()
        };
        told(by.console.tenants.clone().resume_organization(by.request(message)).await)
    })
}

pub(crate) fn move_company(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = MoveCompanyRequest {
            request_id: by.request_id.clone(),
            company_id: by.subject.company.id.clone(),
            reseller_id: by.strict_id.clone(),
            ..MoveCompanyRequest::default()
        };
        told(by.console.tenants.clone().move_company(by.request(message)).await)
    })
}

pub(crate) fn delete_company(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = DeleteOrganizationRequest {
            request_id: by.request_id.clone(),
            organization_id: by.subject.company.id.clone(),
            ..DeleteOrganizationRequest::default()
        };
        told(by.console.tenants.clone().delete_organization(by.request(message)).await)
    })
}
