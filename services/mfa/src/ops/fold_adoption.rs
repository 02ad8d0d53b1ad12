//! Adoption figures: counting again what is marked, and keeping the totals.

use std::time::Duration;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use store::Unit;
use tokio::time::{MissedTickBehavior, interval};
use types::OrganizationId;

use super::Mfa;
use crate::domain::{Recount, Settled, settle};
use crate::store::UserKey;
use crate::store::adoption::{self, levels, marks, users};

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// How much is counted again in one transaction.
const PORTION: i64 = 1_000;

/// Everything that is to be counted again, counted.
#[derive(Debug)]
pub(super) struct Settlement {
    users: Vec<(UserKey, Recount)>,
    marks: Vec<(OrganizationId, i64)>,
    /// The levels concerned, and those asked for.
    pub(super) levels: Vec<Settled>,
}

/// Counts again what is marked or due - so much of it at most, where there is a limit - together with the levels of
/// `asked`. Writes nothing: who folds does, who reads does not.
///
/// # Errors
/// The database's.
pub(super) async fn settled(
    unit: &Unit<'_>,
    now: Timestamp,
    limit: Option<i64>,
    asked: Option<OrganizationId>,
) -> Outcome<Settlement> {
    let touched = marks::touched(unit, now, limit).await?;
    let users = match touched.users.as_slice() {
        [] => Vec::new(),
        touched => {
            adoption::plan_anew(unit).await?;
            users::load(unit, touched).await?
        }
    };
    let organizations: Vec<_> = touched.organizations.into_iter().chain(asked).collect();
    let levels = match organizations.as_slice() {
        [] => Vec::new(),
        organizations => levels::load(unit, organizations).await?,
    };
    let recounts: Vec<_> = users.iter().map(|(_, recount)| *recount).collect();
    let levels =
        settle(&recounts, levels, now).map_err(|error| Fault::new(Reason::Internal).with_cause(error))?;
    Ok(Settlement { users, marks: touched.marks, levels })
}

impl Mfa {
    /// Folds one portion of what is marked or due into the totals; whether there may be more. Where somebody else folds
    /// at this moment, there is nothing to do here.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn fold_adoption(&self) -> Outcome<bool> {
        let folding = self.store.bookkeeping("fold_adoption", self.clock.now(), |unit, now| {
            Box::pin(async move { fold(unit, *now).await })
        });
        folding.await
    }

    /// Does so every second, until it is dropped.
    pub(crate) async fn fold_adoption_forever(&self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            loop {
                match self.fold_adoption().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(fault) => {
                        let cause = fault.cause().map(ToString::to_string);
                        tracing::warn!(%fault, cause, "could not fold adoption figures; they are counted at reading");
                        break;
                    }
                }
            }
        }
    }
}

async fn fold(unit: &Unit<'_>, now: Timestamp) -> Outcome<bool> {
    if !adoption::lock_fold(unit).await? {
        return Ok(false);
    }
    let Settlement { users, marks, levels } = settled(unit, now, Some(PORTION), None).await?;
    let is_full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= PORTION);
    let has_more = is_full(users.len()) || is_full(marks.len()) || is_full(levels.len());
    if !users.is_empty() {
        users::save(unit, &users, now).await?;
    }
    let changed: Vec<_> = levels.iter().filter(|level| level.has_changed).collect();
    if !changed.is_empty() {
        levels::save(unit, &changed, now).await?;
    }
    if !marks.is_empty() {
        marks::delete(unit, &marks).await?;
    }
    Ok(has_more)
}
