//! A unit about one user, and what must follow it whatever becomes of the call: an alarm, a count.
//!
//! The unit is a task of its own already; without this, what follows it would be lost with the call that hangs up.

use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use store::Store;
use types::{OrganizationPath, UserId};

use super::Mfa;
use super::alarm::alarmed;
use super::try_code::count;
use crate::store::UserKey;

impl Mfa {
    /// The outcome of a unit, after the alarm for what did not open in it, or the count of a code against a recorded lock.
    ///
    /// # Errors
    /// The unit's; the database's, when alarm or count could not be written.
    pub(super) async fn settled<T, W>(
        &self,
        act: &Act,
        path: &OrganizationPath,
        user_id: UserId,
        unit: impl FnOnce(Store) -> W,
    ) -> Outcome<T>
    where
        T: Send + 'static,
        W: Future<Output = Outcome<T>> + Send + 'static,
    {
        let (store, act, path, unit) =
            (self.store.clone(), act.clone(), path.clone(), unit(self.store.clone()));
        in_call(async move {
            let outcome = alarmed(&store, act, &path, user_id, unit.await).await;
            count(&store, UserKey::new(&path, user_id), outcome).await
        })
        .await
    }
}

/// Does the rest of a call to its end, also when its caller goes away.
///
/// # Errors
/// The work's; INTERNAL when it was cut off.
pub(super) async fn in_call<T: Send + 'static>(
    work: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    rpc::spawn_in_call(work).await.map_err(|cut_off| Fault::new(Reason::Internal).with_cause(cut_off))?
}
