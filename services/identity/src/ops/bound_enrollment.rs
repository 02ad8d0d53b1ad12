//! The bound on what one sign-in asks of its enrolment.
//!
//! Each question leaves an event at mfa, and who knows a password alone may ask. So they are counted here, before mfa is
//! asked, and beyond the bound the sign-in dies: another one takes another password check.

use fault::{Fault, Outcome, Reason};

use super::Identity;
use super::find_sign_in::Pending;
use super::refuse_sign_in::Cost;
use super::start_sign_in::unless_recorded;
use crate::domain::enrollment_call::EnrollmentCall;
use crate::domain::sign_in::Refusal;
use crate::store::enrollment_bounds;

impl Identity {
    /// The sign-in, if it may ask this of its enrolment once more; the question is counted.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED (recorded) when it has asked too often: it is dead; the database's.
    pub(super) async fn may_ask(&self, pending: Pending, call: EnrollmentCall) -> Outcome<Pending> {
        let counting = (pending.sign_in.organization_id, pending.sign_in.id, call);
        let counted = self.store.bookkeeping("count_enrollment_call", counting, |unit, counting| {
            Box::pin(async move {
                let (organization, id, call) = counting;
                Ok(match call {
                    EnrollmentCall::Begin => enrollment_bounds::count_begin(unit, *organization, *id).await?,
                    EnrollmentCall::Prove => enrollment_bounds::count_proof(unit, *organization, *id).await?,
                })
            })
        });
        if call.admits(counted.await?) {
            return Ok(pending);
        }
        let Pending { sign_in, facts, origin } = pending;
        let cost = (Refusal::Exhausted, Cost::Life);
        Err(self.refuse_step_once(&origin, facts.path, sign_in, cost, None).await)
    }

    /// A refusal that tells who signs in what to do: recorded like others that cost nothing, and answered as it is.
    pub(super) async fn refuse_enrollment(&self, pending: Pending, fault: Fault) -> Fault {
        let Pending { sign_in, facts, origin } = pending;
        let cost = (Refusal::EnrollmentRefused, Cost::Nothing);
        let refused = self.refuse_step_once(&origin, facts.path, sign_in, cost, None).await;
        unless_recorded(refused, fault)
    }

    /// The same for a ticket that is none of ours by its form: mfa need not be asked.
    pub(super) async fn refuse_ticket(&self, pending: Pending) -> Fault {
        self.refuse_enrollment(pending, Reason::EnrollmentTicketRefused.into()).await
    }
}
