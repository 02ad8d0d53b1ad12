//! The trace that a refused call leaves.

use access::SignedIn;
use eventlog::Act;
use fault::Outcome;

use super::{Call, Mfa};
use crate::store::events;

/// A call by a user that was refused.
#[derive(Debug)]
pub(crate) struct RefusedCall {
    pub(crate) caller: SignedIn,
    /// `/countersign.mfa.v1.EnforcementService/DisableMfa`
    pub(crate) method: String,
    /// The reason answered.
    pub(crate) reason: &'static str,
}

struct Context {
    refused: RefusedCall,
    act: Act,
}

impl Mfa {
    /// Records the refusal in the log of the caller's own organisation.
    ///
    /// # Errors
    /// The database's: then the refusal must be answered as UNAVAILABLE, because nothing goes unrecorded.
    pub(crate) async fn record_refusal(&self, refused: RefusedCall, call: &Call) -> Outcome<()> {
        let act = call.act_of(&refused.caller, self.clock.now());
        let record = self.store.unit("record_refusal", Context { refused, act }, |unit, context| {
            Box::pin(async move {
                let Context { refused: RefusedCall { caller, method, reason }, act } = context;
                Ok(unit.record(events::call_refused(act, caller, method, reason)).with(()))
            })
        });
        record.await
    }
}
