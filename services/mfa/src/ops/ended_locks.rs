//! Telling how often locks were tried that have ended by themselves, where nobody has come since.

use eventlog::Act;
use fault::Outcome;
use store::Unit;
use types::ServiceName;

use super::Mfa;
use super::lock_events::tell_hammering;
use crate::domain::UserState;
use crate::store::events::Whom;
use crate::store::locks::{self, Ended};
use crate::store::{self as rows, UserKey};

/// How many at once.
const BATCH: i64 = 200;

impl Mfa {
    /// Tells of every such lock, as the service's own act; of how many. Two replicas at once do no harm: each lock is told of
    /// once, under the lock of its user.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn tell_ended_locks(&self) -> Outcome<u64> {
        let act = Act::by_service(ServiceName::Mfa, self.clock.now());
        let mut told = self.tell_ended_recovery_locks(&act).await?;
        loop {
            let ended = locks::ended(&self.store, act.at, BATCH).await?;
            let is_all = ended.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for one in ended {
                let telling =
                    self.store.bookkeeping("tell_ended_lock", (act.clone(), one), |unit, (act, one)| {
                        Box::pin(tell(unit, act, one))
                    });
                told += u64::from(telling.await?);
            }
            if is_all {
                return Ok(told);
            }
        }
    }
}

async fn tell(unit: &mut Unit<'_>, act: &Act, ended: &Ended) -> Outcome<bool> {
    let Ended { path, user_id } = ended;
    let user = UserKey::new(path, *user_id);
    let state = rows::user::lock(unit, user).await?;
    // Somebody may have come meanwhile.
    if state.attempts.is_locked(act.at) || state.attempts.hammered().is_none() {
        return Ok(false);
    }
    tell_hammering(unit, act, &Whom { path, user_id: *user_id }, &state.attempts);
    let attempts = state.attempts.after_telling();
    rows::user::save(unit, user, &UserState { attempts, ..state }).await?;
    Ok(true)
}
