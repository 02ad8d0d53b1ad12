//! Policy and factors: mfa's acts, which identity must have applied before they are acknowledged.
//!
//! mfa decides at every sign-in and refresh, so that from its commit on, before identity has heard of it, no session is
//! refreshed on the old policy or factor and no open sign-in finishes.

use futures::future::BoxFuture;
use proto::mfa::target::Target as Kind;
use proto::mfa::{
    DisableMfaRequest, EnforceMfaRequest, ProviderScope, ReenableMfaRequest, ResetMfaRequest, Target,
};
use testkit::{company_target, reseller_target, user_target};
use types::ServiceName;

use crate::act::{Act, Answer, By, told};
use crate::drill::{self, Log};
use crate::sight::{NOT_LOOKED_AT, Sight, UNSEEN, sight};
use crate::subject::Subject;
use crate::world::World;

const LOG: Log = Log { owner: ServiceName::Mfa, followers: &[ServiceName::Identity] };

const REASON: &str = "phone lost";

/// A session by password alone ends at its next refresh (R9), and the next sign-in enrols.
const ENROLS: Sight = sight("OK", "REFRESH_REFUSED", UNSEEN, "ENROLL_MFA");
/// A session with a factor lives on; a sign-in under way was decided on another policy.
const PROVES: Sight = sight("OK", "OK", "SIGN_IN_REFUSED", "VERIFY_MFA");
/// A sign-in that was to enrol is over, and the next one needs no factor.
const IS_RELEASED: Sight = sight(UNSEEN, UNSEEN, "SIGN_IN_REFUSED", "COMPLETE");
/// Not meant.
const BARE: Sight = sight("OK", "OK", UNSEEN, "COMPLETE");
const ENROLLED: Sight = sight("OK", "OK", "OK", "VERIFY_MFA");
/// Everything of before is dead.
const fn dead(next: &'static str) -> Sight {
    sight("TOKEN_INVALID", "REFRESH_REFUSED", "SIGN_IN_REFUSED", next)
}

/// The same before identity has applied it: an access token may live until then.
const fn at_once(sight: Sight) -> Sight {
    Sight { token: UNSEEN, ..sight }
}

/// The same of a factor before identity has applied it: it cannot tell yet whether the session is one that lives on.
const fn dead_unheard(next: &'static str) -> Sight {
    sight(UNSEEN, "DEPENDENCY_UNAVAILABLE", "SIGN_IN_REFUSED", next)
}

/// What concerns a reseller, a company or a user.
const ACTS: [Act; 9] = [
    Act::new("EnforceMfa on a reseller", |by| enforce(&by, reseller), "mfa.enforcement.enforced")
        .committed(at_once(ENROLS), at_once(PROVES))
        .in_force(ENROLS, PROVES),
    Act::new("EnforceMfa on a company", enforce_company, "mfa.enforcement.enforced")
        .committed(at_once(ENROLS), at_once(PROVES))
        .in_force(ENROLS, PROVES),
    Act::new("EnforceMfa on a user", |by| enforce(&by, bare), "mfa.enforcement.enforced")
        .committed(at_once(ENROLS), NOT_LOOKED_AT)
        .in_force(ENROLS, ENROLLED),
    Act::new("DisableMfa on a company", disable_company, "mfa.enforcement.disabled")
        .given(&[enforce_company])
        .committed(IS_RELEASED, at_once(PROVES))
        .in_force(IS_RELEASED, PROVES),
    Act::new("DisableMfa on a user", disable_user, "mfa.enforcement.disabled")
        .committed(BARE, dead_unheard("COMPLETE"))
        .in_force(BARE, dead("COMPLETE")),
    Act::new("DisableMfa on a user below one that enforces", disable_user, "mfa.enforcement.disabled")
        .given(&[enforce_company])
        .committed(NOT_LOOKED_AT, dead_unheard("ENROLL_MFA"))
        .in_force(sight(UNSEEN, UNSEEN, "OK", "ENROLL_MFA"), dead("ENROLL_MFA")),
    Act::new("ReenableMfa on a company", |by| reenable(&by, company), "mfa.enforcement.reenabled")
        .given(&[enforce_company, disable_company])
        .committed(at_once(ENROLS), at_once(PROVES))
        .in_force(ENROLS, PROVES),
    Act::new("ReenableMfa on a user", |by| reenable(&by, enrolled), "mfa.enforcement.reenabled")
        .given(&[disable_user])
        .committed(BARE, at_once(ENROLS))
        .in_force(BARE, ENROLS),
    Act::new("ResetMfa", reset, "mfa.factor.reset")
        .committed(BARE, dead_unheard("ENROLL_MFA"))
        .in_force(BARE, dead("ENROLL_MFA")),
];

/// What concerns everybody below the provider, each alone in its world.
const DISABLE_SWITCH: [Act; 1] =
    [Act::new("DisableMfa on the provider's switch", |by| disable(&by, switch), "mfa.enforcement.disabled")
        .given(&[enforce_switch])
        .committed(IS_RELEASED, at_once(PROVES))
        .in_force(IS_RELEASED, PROVES)];
const ENFORCE_SWITCH: [Act; 1] =
    [Act::new("EnforceMfa on the provider's switch", enforce_switch, "mfa.enforcement.enforced")
        .committed(at_once(ENROLS), at_once(PROVES))
        .in_force(ENROLS, PROVES)];

/// In an order that leaves the switch off for the next subjects.
const TABLES: [&[Act]; 3] = [&ACTS, &DISABLE_SWITCH, &ENFORCE_SWITCH];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_policy_is_in_force() {
    let mut world = World::new().await;
    for acts in TABLES {
        drill::with_everybody_following(&mut world, LOG, acts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_identity_has_not_heard_of_stands_and_is_not_acknowledged() {
    let mut world = World::new().await;
    for acts in TABLES {
        let committed = |act: &Act| act.committed;
        drill::with_one_held_back(&mut world, LOG, ServiceName::Identity, acts, committed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_finished_by_an_identity_that_comes_back() {
    let mut world = World::new().await;
    for acts in TABLES {
        drill::with_one_stopped(&mut world, LOG, ServiceName::Identity, acts).await;
    }
}

type Whom = fn(&Subject) -> Option<Target>;

fn reseller(subject: &Subject) -> Option<Target> {
    reseller_target(&subject.reseller.id)
}

fn company(subject: &Subject) -> Option<Target> {
    company_target(&subject.company.id)
}

fn bare(subject: &Subject) -> Option<Target> {
    user_target(&subject.bare.id)
}

fn enrolled(subject: &Subject) -> Option<Target> {
    user_target(&subject.enrolled.id)
}

fn switch(_: &Subject) -> Option<Target> {
    Some(Target { target: Some(Kind::Provider(ProviderScope::ClientsAndResellers.into())) })
}

fn enforce(by: &By, whom: Whom) -> BoxFuture<'static, Answer> {
    let (by, target) = (by.clone(), whom(&by.subject));
    Box::pin(async move {
        let message = EnforceMfaRequest {
            request_id: by.request_id.clone(),
            target,
            reason: REASON.to_owned(),
            ..EnforceMfaRequest::default()
        };
        told(by.console.enforcement.clone().enforce_mfa(by.request(message)).await)
    })
}

fn disable(by: &By, whom: Whom) -> BoxFuture<'static, Answer> {
    let (by, target) = (by.clone(), whom(&by.subject));
    Box::pin(async move {
        let message = DisableMfaRequest {
            request_id: by.request_id.clone(),
            target,
            reason: REASON.to_owned(),
            ..DisableMfaRequest::default()
        };
        told(by.console.enforcement.clone().disable_mfa(by.request(message)).await)
    })
}

fn reenable(by: &By, whom: Whom) -> BoxFuture<'static, Answer> {
    let (by, target) = (by.clone(), whom(&by.subject));
    Box::pin(async move {
        let message = ReenableMfaRequest {
            request_id: by.request_id.clone(),
            target,
            reason: REASON.to_owned(),
            ..ReenableMfaRequest::default()
        };
        told(by.console.enforcement.clone().reenable_mfa(by.request(message)).await)
    })
}

fn enforce_company(by: By) -> BoxFuture<'static, Answer> {
    enforce(&by, company)
}

fn disable_company(by: By) -> BoxFuture<'static, Answer> {
    disable(&by, company)
}

fn enforce_switch(by: By) -> BoxFuture<'static, Answer> {
    enforce(&by, switch)
}

fn disable_user(by: By) -> BoxFuture<'static, Answer> {
    disable(&by, enrolled)
}

fn reset(by: By) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let message = ResetMfaRequest {
            request_id: by.request_id.clone(),
            user_id: by.subject.enrolled.id.clone(),
            reason: REASON.to_owned(),
            ..ResetMfaRequest::default()
        };
        told(by.console.factors.clone().reset_mfa(by.request(message)).await)
    })
}
