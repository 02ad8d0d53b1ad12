//! What the levels of a chain demand together (R1, R4-R6).
//!
//! MFA is demanded when at least one level enforces it; "disabled" on a level only takes back that level's own value and
//! never cancels what another level enforces.

use clock::Timestamp;
use types::{EventId, Role, UserId};
use wire::PolicyVersion;

use super::{Chain, Place, PolicyLevel};

/// A level's own value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Own {
    /// Never set.
    Unset,
    /// Demanded.
    Enforced,
    /// Taken back.
    Disabled,
}

/// Who set a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetBy {
    /// The user.
    pub(crate) user_id: UserId,
    /// The user's role at that time.
    pub(crate) role: Role,
}

/// What was set on a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Whether MFA is demanded.
    pub(crate) enforced: bool,
    /// Why.
    pub(crate) reason: String,
    /// From when, where a date was announced.
    pub(crate) enforce_from: Option<Timestamp>,
    /// Whether users below enrol only with a ticket.
    pub(crate) require_ticket: bool,
    /// Who; none when it was no user.
    pub(crate) set_by: Option<SetBy>,
    /// When.
    pub(crate) set_time: Timestamp,
    /// Rises with every change, from 1.
    pub(crate) version: i64,
    /// The event of the last change.
    pub(crate) event_id: EventId,
}

impl Setting {
    /// Whether it demands MFA at `now`: a date that is only announced demands nothing yet.
    fn enforces(&self, now: Timestamp) -> bool {
        self.enforced && self.enforce_from.is_none_or(|from| from <= now)
    }

    fn announces(&self, now: Timestamp) -> Option<Timestamp> {
        self.enforce_from.filter(|from| self.enforced && *from > now)
    }

    /// Since when it demands MFA, where it does.
    fn since(&self) -> Timestamp {
        self.enforce_from.unwrap_or(self.set_time)
    }
}

/// One level and what was set on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Level {
    /// Where it stands.
    pub(crate) place: Place,
    /// What was set; none when nothing ever was.
    pub(crate) setting: Option<Setting>,
}

impl Level {
    /// The level's own value.
    #[must_use]
    pub(crate) fn own(&self) -> Own {
        match &self.setting {
            None => Own::Unset,
            Some(setting) if setting.enforced => Own::Enforced,
            Some(_) => Own::Disabled,
        }
    }

    /// Whether this level demands MFA at `now`.
    #[must_use]
    pub(crate) fn enforces(&self, now: Timestamp) -> bool {
        self.setting.as_ref().is_some_and(|setting| setting.enforces(now))
    }

    /// The date from which it will, where that is still to come.
    #[must_use]
    pub(crate) fn announces(&self, now: Timestamp) -> Option<Timestamp> {
        self.setting.as_ref().and_then(|setting| setting.announces(now))
    }

    /// Whether it lets users enrol only with a ticket. It does so from the moment it is announced: else somebody with a
    /// stolen password could enrol before the date comes.
    fn requires_ticket(&self) -> bool {
        self.setting.as_ref().is_some_and(|setting| setting.enforced && setting.require_ticket)
    }
}

/// What holds for the target in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EffectiveState {
    /// Not demanded.
    Disabled,
    /// Demanded by the target's own level.
    Enabled,
    /// Demanded by a level above.
    EnabledByInheritance,
}

/// The evaluation of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    /// What holds.
    pub(crate) state: EffectiveState,
    /// The highest level that enforces.
    pub(crate) deciding: Option<PolicyLevel>,
    /// Since when it is demanded: the earliest of the levels that do.
    pub(crate) enforced_from: Option<Timestamp>,
    /// When nothing is demanded yet: the earliest announced date.
    pub(crate) announced_from: Option<Timestamp>,
    /// Whether a level that enforces, or has announced that it will, lets users enrol only with a ticket.
    pub(crate) requires_ticket: bool,
}

impl Effective {
    /// Whether MFA is demanded.
    #[must_use]
    pub(crate) fn is_enforced(&self) -> bool {
        self.state != EffectiveState::Disabled
    }
}

/// The levels of a chain with their settings, highest first; the last is the target's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    above: Vec<Level>,
    own: Level,
}

impl Policy {
    /// The chain's policy; `setting_of` gives what was set at a place.
    pub(crate) fn of(chain: &Chain, mut setting_of: impl FnMut(Place) -> Option<Setting>) -> Self {
        let own = Level { place: chain.own(), setting: setting_of(chain.own()) };
        let above = chain.places().filter(|place| *place != chain.own());
        let above = above.map(|place| Level { place, setting: setting_of(place) }).collect();
        Self { above, own }
    }

    /// Every level, highest first.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &Level> {
        self.above.iter().chain([&self.own])
    }

    /// The target's own level.
    #[must_use]
    pub(crate) fn own(&self) -> &Level {
        &self.own
    }

    /// What holds at `now`.
    #[must_use]
    pub(crate) fn effective(&self, now: Timestamp) -> Effective {
        let deciding = self.levels().find(|level| level.enforces(now));
        let announced = || self.levels().filter_map(|level| level.announces(now)).min();
        let enforcing = self.levels().filter(|level| level.enforces(now));
        let since = enforcing.filter_map(|level| level.setting.as_ref()).map(Setting::since).min();
        let state = match deciding {
            None => EffectiveState::Disabled,
            Some(level) if level.place == self.own.place => EffectiveState::Enabled,
            Some(_) => EffectiveState::EnabledByInheritance,
        };
        Effective {
            state,
            deciding: deciding.map(|level| level.place.target.level()),
            enforced_from: since,
            announced_from: if deciding.is_none() { announced() } else { None },
            requires_ticket: self.levels().any(Level::requires_ticket),
        }
    }

    /// Whether a level above the target's own enforces: then the own level cannot be lifted (R5).
    #[must_use]
    pub(crate) fn is_locked_from_above(&self, now: Timestamp) -> bool {
        self.above.iter().any(|level| level.enforces(now))
    }

    /// The versions of everything that was set. A change anywhere on the chain changes it.
    #[must_use]
    pub(crate) fn version(&self) -> PolicyVersion {
        let version =
            |level: &Level| level.setting.as_ref().map(|setting| (level.place.target.key(), setting.version));
        PolicyVersion(self.levels().filter_map(version).collect())
    }
}

#[cfg(test)]
mod tests;
