//! What enforcing, disabling and re-enabling do to a target's own level (R5, R14).

use clock::Timestamp;
use fault::Reason;
use time::Duration;

use super::{Own, Policy, PolicyLevel};

/// How far ahead enforcement may be announced: a year, in the longest sense of the word.
pub(crate) const FURTHEST: Duration = Duration::days(366);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// Demand MFA.
    Enforce {
        /// From when; none: at once.
        enforce_from: Option<Timestamp>,
        /// Whether enrolment needs a ticket.
        require_ticket: bool,
    },
    /// Take the level's own demand back; of a user, also destroy what is configured.
    Disable {
        /// Of a user: destroy nothing.
        keep_factors: bool,
    },
    /// Demand MFA again after a disable.
    Reenable,
}

/// A date further ahead than [`FURTHEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFarAhead;

impl ChangeKind {
    /// What is asked for as it counts at `now`: a date that has come means at once.
    ///
    /// # Errors
    /// The date is too far ahead: somebody means another year, and would be surprised that nothing is demanded.
    pub(crate) fn at(self, now: Timestamp) -> Result<Self, TooFarAhead> {
        match self {
            Self::Enforce { enforce_from: Some(from), .. } if from > now + FURTHEST => Err(TooFarAhead),
            Self::Enforce { enforce_from, require_ticket } => {
                Ok(Self::Enforce { enforce_from: enforce_from.filter(|from| *from > now), require_ticket })
            }
            Self::Disable { .. } | Self::Reenable => Ok(self),
        }
    }
}

/// What is asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What.
    pub(crate) kind: ChangeKind,
    /// Why, as the actor wrote.
    pub(crate) reason: String,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is so already: nothing is written and nothing recorded.
    Unchanged,
    /// The level's new value.
    Set {
        /// Whether MFA is demanded.
        enforced: bool,
        /// From when.
        enforce_from: Option<Timestamp>,
        /// Whether enrolment needs a ticket.
        require_ticket: bool,
        /// Whether factor, enrolments under way and tickets of the user are destroyed.
        destroys: bool,
    },
}

/// Decides a change of a target's own level, taken [`ChangeKind::at`] the same moment. To disable a user is the reset, and
/// every reset counts: it ends sessions and open sign-ins even where nothing is left to destroy.
///
/// # Errors
/// MFA_ENFORCED_BY_PARENT for taking back, or putting off, what is in force at an organisation below one that enforces;
/// MFA_NOT_DISABLED for a re-enable without a disable.
pub(crate) fn decide_change(kind: ChangeKind, policy: &Policy, now: Timestamp) -> Result<Decision, Reason> {
    let own = policy.own();
    let ticket = own.setting.as_ref().is_some_and(|setting| setting.require_ticket);
    match kind {
        ChangeKind::Enforce { enforce_from, require_ticket } => {
            // To put off what is in force already is to disable it until then.
            if enforce_from.is_some() && own.enforces(now) {
                may_disable(policy, now)?;
            }
            let same =
                own.own() == Own::Enforced && ticket == require_ticket && own.announces(now) == enforce_from;
            Ok(match same {
                true => Decision::Unchanged,
                false => Decision::Set { enforced: true, enforce_from, require_ticket, destroys: false },
            })
        }
        ChangeKind::Disable { keep_factors } => {
            may_disable(policy, now)?;
            let destroys = own.place.target.level() == PolicyLevel::User && !keep_factors;
            let nothing_left = own.own() == Own::Disabled && !destroys;
            Ok(match nothing_left {
                true => Decision::Unchanged,
                false => {
                    Decision::Set { enforced: false, enforce_from: None, require_ticket: ticket, destroys }
                }
            })
        }
        ChangeKind::Reenable => match own.own() {
            Own::Disabled => Ok(Decision::Set {
                enforced: true,
                enforce_from: None,
                require_ticket: ticket,
                destroys: false,
            }),
            Own::Unset | Own::Enforced => Err(Reason::MfaNotDisabled),
        },
    }
}

/// Whether the state of the tree allows to disable: an organisation's level is locked while one above it enforces. A
/// user's is not: disabling a user is the reset, and cancels nothing that an organisation enforces.
///
/// # Errors
/// MFA_ENFORCED_BY_PARENT.
pub(crate) fn may_disable(policy: &Policy, now: Timestamp) -> Result<(), Reason> {
    let is_user = policy.own().place.target.level() == PolicyLevel::User;
    if !is_user && policy.is_locked_from_above(now) { Err(Reason::MfaEnforcedByParent) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use types::{EventId, OrganizationId, OrganizationPath, UserId};

    use super::*;
    use crate::domain::{Chain, Setting};

    const NOW: Timestamp = datetime!(2026-06-01 12:00 UTC);

    /// `above`: whether every level above enforces; `own`: the own value.
    fn policy(user: bool, above: bool, own: Own) -> Policy {
        let path = OrganizationPath::new([(); 3].map(|()| OrganizationId::generate()).to_vec()).unwrap();
        let chain = match user {
            true => Chain::of_user(&path, UserId::generate()),
            false => Chain::of_organization(&path),
        };
        let setting = |enforced| Setting {
            enforced,
            reason: String::new(),
            enforce_from: None,
            require_ticket: true,
            set_by: None,
            set_time: NOW,
            version: 3,
            event_id: EventId::generate(),
        };
        Policy::of(&chain, |place| match (place == chain.own(), own) {
            (false, _) => above.then(|| setting(true)),
            (true, Own::Unset) => None,
            (true, own) => Some(setting(own == Own::Enforced)),
        })
    }

    #[test]
    fn changes_by_table() {
        use Own::{Disabled, Enforced, Unset};
        let enforce = ChangeKind::Enforce { enforce_from: None, require_ticket: true };
        let (destroy, keep) =
            (ChangeKind::Disable { keep_factors: false }, ChangeKind::Disable { keep_factors: true });
        let set = |enforced, destroys| {
            Ok(Decision::Set { enforced, enforce_from: None, require_ticket: true, destroys })
        };
        let (same, locked, never) =
            (Ok(Decision::Unchanged), Err(Reason::MfaEnforcedByParent), Err(Reason::MfaNotDisabled));
        // change, user level, above enforces, own value
        for (kind, user, above, own, expected) in [
            (enforce, false, false, Unset, set(true, false)),
            (enforce, false, true, Disabled, set(true, false)),
            (enforce, false, false, Enforced, same),
            (destroy, false, false, Enforced, set(false, false)),
            (destroy, false, true, Enforced, locked),
            (destroy, false, true, Disabled, locked),
            (destroy, false, false, Disabled, same),
            (destroy, true, true, Enforced, set(false, true)),
            (destroy, true, true, Disabled, set(false, true)),
            (keep, true, true, Enforced, set(false, false)),
            (keep, true, true, Disabled, same),
            (ChangeKind::Reenable, true, true, Disabled, set(true, false)),
            (ChangeKind::Reenable, true, true, Enforced, never),
            (ChangeKind::Reenable, false, false, Unset, never),
        ] {
            let decided = decide_change(kind, &policy(user, above, own), NOW);
            assert_eq!(decided, expected, "{kind:?} user {user} above {above} own {own:?}");
        }
    }

    #[test]
    fn what_is_in_force_is_put_off_only_where_it_could_be_disabled() {
        let kind = ChangeKind::Enforce { enforce_from: Some(NOW + Duration::DAY), require_ticket: true };
        let decided = |user, above| decide_change(kind, &policy(user, above, Own::Enforced), NOW);
        assert_eq!(decided(false, true), Err(Reason::MfaEnforcedByParent));
        for (user, above) in [(false, false), (true, true)] {
            assert!(matches!(decided(user, above), Ok(Decision::Set { enforced: true, .. })));
        }
        // What is not in force can be announced anywhere: it takes nothing back.
        let unset = decide_change(kind, &policy(false, true, Own::Disabled), NOW);
        assert!(matches!(unset, Ok(Decision::Set { enforced: true, .. })));
    }

    #[test]
    fn a_date_that_has_come_means_at_once_and_one_too_far_ahead_is_refused() {
        let enforce = |enforce_from| ChangeKind::Enforce { enforce_from, require_ticket: false };
        for (asked, counts) in [
            (None, Ok(None)),
            (Some(NOW - Duration::DAY), Ok(None)),
            (Some(NOW), Ok(None)),
            (Some(NOW + Duration::MICROSECOND), Ok(Some(NOW + Duration::MICROSECOND))),
            (Some(NOW + FURTHEST), Ok(Some(NOW + FURTHEST))),
            (Some(NOW + FURTHEST + Duration::MICROSECOND), Err(TooFarAhead)),
        ] {
            assert_eq!(enforce(asked).at(NOW), counts.map(enforce), "{asked:?}");
        }
    }

    #[test]
    fn enforcing_anew_with_other_terms_is_a_change() {
        let from = Some(NOW + Duration::days(3));
        for (enforce_from, require_ticket) in [(from, true), (None, false)] {
            let kind = ChangeKind::Enforce { enforce_from, require_ticket };
            let decided = decide_change(kind, &policy(false, false, Own::Enforced), NOW);
            assert_eq!(
                decided,
                Ok(Decision::Set { enforced: true, enforce_from, require_ticket, destroys: false })
            );
        }
    }
}
