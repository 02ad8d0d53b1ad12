//! The steps of `layers`, one file each.

mod admit_peer;
mod admit_user;
mod authenticate;
mod bound_time;
mod catch_panic;
mod find_rule;
mod know_peer;
mod limit;
mod record_refusals;
mod rewrite_status;
mod trace;
mod wait_for_opening;

use std::sync::Arc;

use access::{Caller, Rule};
use fault::{Fault, Outcome, Reason};

use super::step::Request;

pub(super) use admit_peer::AdmitPeer;
pub(super) use admit_user::AdmitUser;
pub(super) use authenticate::Authenticate;
pub(super) use bound_time::BoundTime;
pub(super) use catch_panic::CatchPanic;
pub(super) use find_rule::FindRule;
pub(super) use know_peer::KnowPeer;
pub(super) use limit::Limit;
pub(super) use record_refusals::RecordRefusals;
pub(super) use rewrite_status::RewriteStatus;
pub(super) use trace::Trace;
pub(super) use wait_for_opening::WaitForOpening;
#[cfg(fuzzing)]
pub(super) use {authenticate::bearer, bound_time::deadline};

/// The row that an earlier step found.
fn rule_of(request: &Request) -> Outcome<&'static Rule> {
    request.extensions().get::<&'static Rule>().copied().ok_or_else(out_of_order)
}

/// The caller that earlier steps found.
fn caller_of(request: &Request) -> Outcome<Arc<Caller>> {
    request.extensions().get::<Arc<Caller>>().cloned().ok_or_else(out_of_order)
}

fn out_of_order() -> Fault {
    Fault::new(Reason::Internal).with_cause("the layers are out of order")
}
