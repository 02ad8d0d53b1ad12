//! Recording that a signed-in user's call was refused.

use async_trait::async_trait;
use eventlog::Act;
use fault::{Outcome, Reason};
use rpc::{CallInfo, Refusal, RefusalSink};
use store::{Recorded, Unit};
use types::OrganizationPath;

use super::Identity;
use crate::store::events;

struct Refused {
    act: Act,
    path: OrganizationPath,
    method: String,
    reason: Reason,
}

#[async_trait]
impl RefusalSink for Identity {
    async fn record(&self, refusal: Refusal) -> Outcome<()> {
        let call = CallInfo { peer: refusal.peer, trace_id: refusal.trace_id };
        let refused = Refused {
            act: Act::by_user(&refusal.caller, &call, self.clock.now()),
            path: refusal.caller.path,
            method: refusal.method,
            reason: refusal.reason,
        };
        self.store.unit("record_refusal", refused, |unit, refused| Box::pin(record(unit, refused))).await
    }
}

async fn record(unit: &mut Unit<'_>, refused: &Refused) -> Outcome<Recorded<()>> {
    let draft = events::call_refused(&refused.act, &refused.path, &refused.method, refused.reason);
    Ok(unit.record(draft).with(()))
}
