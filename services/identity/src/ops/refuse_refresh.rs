//! Refusing a refresh: recorded where it is known whose session it was, once; counted otherwise. A token that is shown again
//! and again does not grow the log.

use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use types::{OrganizationPath, SessionId};

use super::{Identity, Origin};
use crate::domain::refusal_counts::Cause;
use crate::store::events;
use crate::store::sessions::{self, Standing};

/// A refresh of a session that is over.
struct Refusal {
    act: Act,
    path: OrganizationPath,
    session_id: SessionId,
}

impl Identity {
    /// Nobody is known whose event it could be.
    pub(super) fn refuse_unknown_refresh(&self) -> Fault {
        self.refusals.count(Cause::UnknownToken, self.clock.now());
        Reason::RefreshRefused.into()
    }

    /// Records that a refresh token of a session that is over was shown, once for each session; the fault to answer.
    pub(super) async fn refuse_refresh(&self, standing: &Standing, origin: &Origin) -> Fault {
        let now = self.clock.now();
        let refusal = Refusal {
            act: origin.anonymous(now),
            path: standing.organization.path.clone(),
            session_id: standing.session.id,
        };
        let recorded =
            self.store.unit("refuse_refresh", refusal, |unit, refusal| Box::pin(refuse(unit, refusal))).await;
        match recorded {
            Ok(()) => Reason::RefreshRefused.into(),
            Err(fault) => {
                if fault.reason() == Reason::RefreshRefused {
                    self.refusals.count(Cause::Repeated, now);
                }
                fault
            }
        }
    }
}

/// # Errors
/// REFRESH_REFUSED when it was recorded before: nothing is written then.
async fn refuse(unit: &mut Unit<'_>, refusal: &Refusal) -> Outcome<Recorded<()>> {
    let Refusal { act, path, session_id } = refusal;
    if !sessions::mark_refusal(unit, path.organization_id(), *session_id).await? {
        return Err(Reason::RefreshRefused.into());
    }
    Ok(unit.record(events::refresh_refused(act, path, *session_id)).with(()))
}
