//! Putting on the log that a secret does not open.
//!
//! The unit that met it is undone - nothing was compared, nothing is spent - so the alarm is a unit of its own. Each secret is
//! told of once an hour, however often it is tried; the service's own log has every time.

use eventlog::Act;
use eventlog::request_record::sealed::UnreadableAnswer;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Store, Unit};
use types::{OrganizationPath, UserId};

use super::{Mfa, secrets};
use crate::domain::Unreadable;
use crate::store::events::{self, Whom};
use crate::store::{UserKey, secret_alarm};

struct Context {
    act: Act,
    path: OrganizationPath,
    user_id: UserId,
    unreadable: Unreadable,
}

/// It was told of within the hour.
#[derive(Debug, thiserror::Error)]
#[error("on the log already")]
struct ToldAlready;

impl Mfa {
    /// Hands the outcome of a unit back, after an alarm when a secret of this user did not open in it.
    ///
    /// # Errors
    /// The outcome's; the database's, when the alarm could not be recorded.
    pub(super) async fn alarmed<T>(
        &self,
        act: Act,
        path: &OrganizationPath,
        user_id: UserId,
        outcome: Outcome<T>,
    ) -> Outcome<T> {
        alarmed(&self.store, act, path, user_id, outcome).await
    }
}

/// As [`Mfa::alarmed`].
pub(super) async fn alarmed<T>(
    store: &Store,
    act: Act,
    path: &OrganizationPath,
    user_id: UserId,
    outcome: Outcome<T>,
) -> Outcome<T> {
    let Some(unreadable) = outcome.as_ref().err().and_then(what_does_not_open) else { return outcome };
    rpc::refusal_is_recorded();
    let context = Context { act, path: path.clone(), user_id, unreadable };
    let unit = store.unit("alarm", context, |unit, context| Box::pin(tell(unit, context)));
    match unit.await {
        Err(fault) if !fault.cause().is_some_and(|cause| cause.is::<ToldAlready>()) => Err(fault),
        _ => outcome,
    }
}

/// The secret, or the kept answer, that did not open.
fn what_does_not_open(fault: &Fault) -> Option<Unreadable> {
    let cause = fault.cause()?;
    if let Some(UnreadableAnswer { row, cause, key_id }) = cause.downcast_ref() {
        let (table, row, key_id) = ("request_record", row.clone(), key_id.clone());
        return Some(Unreadable { table, row, cause: secrets::cause(cause), key_id });
    }
    cause.downcast_ref::<Unreadable>().cloned()
}

async fn tell(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<()>> {
    let Context { act, path, user_id, unreadable } = context;
    let user = UserKey::new(path, *user_id);
    if !secret_alarm::raise(unit, user, unreadable, act.at).await? {
        return Err(Fault::new(Reason::Corrupt).with_cause(ToldAlready));
    }
    let whom = Whom { path, user_id: *user_id };
    Ok(unit.record(events::secret_unreadable(act, &whom, unreadable)).with(()))
}
