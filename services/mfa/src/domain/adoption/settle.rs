//! Bringing totals up to date with what changed, from the leaves of the tree to its root.
//!
//! The same function serves who writes the result back and who only reads it.

use std::cmp::Reverse;
use std::collections::HashMap;

use clock::Timestamp;
use types::OrganizationId;

use super::{Counts, Footing, Member};
use crate::domain::{Place, ProviderScope, Target};

/// A value, and the moment as of which it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted<T> {
    /// The value.
    pub(crate) value: T,
    /// The moment.
    pub(crate) at: Timestamp,
}

/// A user who is to be counted again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recount {
    /// The user's organisation.
    pub(crate) organization_id: OrganizationId,
    /// What the user was counted as; none: never.
    pub(crate) before: Option<Counted<Member>>,
    /// What the user is.
    pub(crate) now: Member,
}

/// A level whose totals may change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevelTotals {
    /// The level.
    pub(crate) place: Place,
    /// Its totals, and how its parent's hold them; none: it was never counted.
    pub(crate) before: Option<Counted<(Counts, Footing)>>,
    /// How it stands now.
    pub(crate) footing: Footing,
}

/// A level brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The level.
    pub(crate) place: Place,
    /// Its totals.
    pub(crate) counts: Counts,
    /// How they stand in its parent's.
    pub(crate) footing: Footing,
    /// Whether anything about it is not as it was.
    pub(crate) has_changed: bool,
}

/// The totals of a level are needed and were not given: a defect of the one who read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a level is missing whose totals change")]
pub(crate) struct MissingLevel;

/// Counts `users` again and carries what changed upward through `levels`, which must hold the organisations of the users,
/// every level that may have changed, and all that these stood and stand under.
///
/// # Errors
/// A level is missing.
pub(crate) fn settle(
    users: &[Recount],
    mut levels: Vec<LevelTotals>,
    now: Timestamp,
) -> Result<Vec<Settled>, MissingLevel> {
    let own: HashMap<_, _> = levels.iter().filter_map(|level| own_users(level.place)).collect();
    let mut changes: HashMap<Place, Counts> = HashMap::new();
    for user in users {
        let place = own.get(&user.organization_id).ok_or(MissingLevel)?;
        let change = changes.entry(*place).or_default();
        *change += user.now.counts(now);
        if let Some(before) = user.before {
            *change -= before.value.counts(before.at);
        }
    }
    // Companies first, then resellers, then the provider's switches: a level is done when all below it are.
    levels.sort_by_key(|level| Reverse(level.place.target.level()));
    let settled = levels.into_iter().map(|level| settle_level(level, &mut changes, now)).collect();
    match changes.values().all(|change| *change == Counts::NONE) {
        true => Ok(settled),
        false => Err(MissingLevel),
    }
}

fn settle_level(level: LevelTotals, changes: &mut HashMap<Place, Counts>, now: Timestamp) -> Settled {
    let LevelTotals { place, before, footing } = level;
    let mut counts = changes.remove(&place).unwrap_or_default();
    let mut has_changed = before.is_none_or(|before| before.value.1 != footing) || counts != Counts::NONE;
    if let Some(Counted { value: (were, stood), at }) = before {
        counts += were;
        if let Some(parent) = stood.parent {
            *changes.entry(parent).or_default() -= stood.contribution(were, at);
        }
        has_changed |= stood.due_after(at).is_some_and(|due| due <= now);
    }
    if let Some(parent) = footing.parent {
        *changes.entry(parent).or_default() += footing.contribution(counts, now);
    }
    Settled { place, counts, footing, has_changed }
}

/// The level that an organisation's own users stand directly under.
fn own_users(place: Place) -> Option<(OrganizationId, Place)> {
    match place.target {
        Target::Reseller(_) | Target::Company(_) | Target::Provider(ProviderScope::InternalUsers) => {
            Some((place.organization_id, place))
        }
        Target::Provider(ProviderScope::ClientsAndResellers) | Target::User(_) => None,
    }
}

/// The figures of a level and everything below it: its totals under what it demands itself, and what each level above it
/// does. Nobody, when the level was never heard of.
#[must_use]
pub(crate) fn figures(levels: &[Settled], place: Place, now: Timestamp) -> Counts {
    let level = levels.iter().find(|level| level.place == place);
    under(levels, place, level.map(|level| level.counts).unwrap_or_default(), now)
}

/// Counts of somebody below a level, under what it and each level above it demands.
#[must_use]
pub(crate) fn under(levels: &[Settled], place: Place, counts: Counts, now: Timestamp) -> Counts {
    let find = |place| levels.iter().find(|level| level.place == place);
    let mut counts = counts;
    let mut level = find(place);
    while let Some(Settled { footing, .. }) = level {
        counts = footing.laid_over(counts, now);
        level = footing.parent.and_then(find);
    }
    counts
}

#[cfg(test)]
mod tests;
