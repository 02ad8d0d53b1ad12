//! The throttle of recovery codes, where it is not an attempt that moves it.

use eventlog::Act;
use fault::Outcome;
use store::Unit;

use super::Mfa;
use crate::domain::Attempts;
use crate::store::events::{self, Whom};
use crate::store::locks::{self, Ended};
use crate::store::{self as rows, UserKey};

/// How many ended locks are looked for at once.
const BATCH: i64 = 200;

impl Mfa {
    /// Tells of every lock of recovery codes that has ended by itself and was tried, where nobody has come since; of how
    /// many. Two replicas at once do no harm.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn tell_ended_recovery_locks(&self, act: &Act) -> Outcome<u64> {
        let mut told = 0;
        loop {
            let ended = locks::ended_of_recovery(&self.store, act.at, BATCH).await?;
            let is_all = ended.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for one in ended {
                let telling = self.store.bookkeeping(
                    "tell_ended_recovery_lock",
                    (act.clone(), one),
                    |unit, (act, one)| Box::pin(tell_ended(unit, act, one)),
                );
                told += u64::from(telling.await?);
            }
            if is_all {
                return Ok(told);
            }
        }
    }
}

async fn tell_ended(unit: &mut Unit<'_>, act: &Act, ended: &Ended) -> Outcome<bool> {
    let Ended { path, user_id } = ended;
    let user = UserKey::new(path, *user_id);
    rows::user::lock(unit, user).await?;
    let attempts = rows::recovery_attempts::load(unit, user).await?;
    // Somebody may have come meanwhile.
    if attempts.is_locked(act.at) || attempts.hammered().is_none() {
        return Ok(false);
    }
    tell_hammering(unit, act, &Whom { path, user_id: *user_id }, &attempts);
    rows::recovery_attempts::save(unit, user, &attempts.after_telling()).await?;
    Ok(true)
}

/// Forgets a locked user's attempts with recovery codes, and with them every lock; what they were. What was counted against
/// the lock that ends is told.
///
/// # Errors
/// The database's.
pub(super) async fn forget(unit: &mut Unit<'_>, act: &Act, whom: &Whom<'_>) -> Outcome<Attempts> {
    let user = UserKey::new(whom.path, whom.user_id);
    let attempts = rows::recovery_attempts::load(unit, user).await?;
    if attempts != Attempts::default() {
        tell_hammering(unit, act, whom, &attempts);
        rows::recovery_attempts::delete(unit, user).await?;
    }
    Ok(attempts)
}

/// Tells in one event how often a lock of recovery codes was tried that has ended, or is being ended. The caller writes the
/// attempts without that count.
pub(super) fn tell_hammering(unit: &mut Unit<'_>, act: &Act, whom: &Whom<'_>, attempts: &Attempts) {
    if let Some(hammered) = attempts.hammered() {
        let _also = unit.record(events::lock_hammered(act, whom, hammered, true));
    }
}
