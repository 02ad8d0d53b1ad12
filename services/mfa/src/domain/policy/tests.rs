//! The policy lattice: a table of what a reader would ask, and the law by random chains.

use proptest::prelude::*;
use time::macros::datetime;
use types::{OrganizationId, OrganizationPath};

use super::*;

const NOW: Timestamp = datetime!(2026-06-01 12:00 UTC);

fn setting(enforced: bool, enforce_from: Option<Timestamp>, require_ticket: bool) -> Setting {
    Setting {
        enforced,
        reason: String::new(),
        enforce_from,
        require_ticket,
        set_by: None,
        set_time: datetime!(2026-01-01 00:00 UTC),
        version: 1,
        event_id: EventId::generate(),
    }
}

fn company() -> OrganizationPath {
    OrganizationPath::new([(); 3].map(|()| OrganizationId::generate()).to_vec()).unwrap()
}

fn policy(settings: [Option<Setting>; 4]) -> Policy {
    let mut settings = settings.into_iter();
    let chain = Chain::of_user(&company(), UserId::generate());
    let places: Vec<Place> = chain.places().collect();
    let by_place: Vec<_> = places.iter().map(|place| (*place, settings.next().unwrap())).collect();
    Policy::of(&chain, |place| by_place.iter().find(|(at, _)| *at == place).unwrap().1.clone())
}

#[test]
fn one_level_that_enforces_is_enough_and_the_highest_decides() {
    use EffectiveState::{Disabled, Enabled, EnabledByInheritance};
    let (on, off, unset) =
        (|| Some(setting(true, None, false)), || Some(setting(false, None, false)), || None);
    let later = || Some(setting(true, Some(NOW + time::Duration::days(1)), false));
    let due = || Some(setting(true, Some(NOW), false));
    for (settings, state, deciding, locked) in [
        ([unset(), unset(), unset(), unset()], Disabled, None, false),
        ([unset(), unset(), unset(), on()], Enabled, Some(PolicyLevel::User), false),
        ([unset(), unset(), on(), unset()], EnabledByInheritance, Some(PolicyLevel::Company), true),
        ([unset(), unset(), on(), off()], EnabledByInheritance, Some(PolicyLevel::Company), true),
        ([on(), off(), on(), on()], EnabledByInheritance, Some(PolicyLevel::Provider), true),
        ([off(), on(), off(), off()], EnabledByInheritance, Some(PolicyLevel::Reseller), true),
        ([off(), off(), off(), off()], Disabled, None, false),
        ([unset(), later(), unset(), unset()], Disabled, None, false),
        ([unset(), later(), unset(), on()], Enabled, Some(PolicyLevel::User), false),
        ([unset(), due(), unset(), unset()], EnabledByInheritance, Some(PolicyLevel::Reseller), true),
    ] {
        let policy = policy(settings);
        let effective = policy.effective(NOW);
        assert_eq!((effective.state, effective.deciding), (state, deciding), "{policy:?}");
        assert_eq!(policy.is_locked_from_above(NOW), locked, "{policy:?}");
    }
}

#[test]
fn an_announced_date_is_told_until_it_comes() {
    let from = NOW + time::Duration::hours(1);
    let policy = policy([None, Some(setting(true, Some(from), true)), None, None]);
    assert_eq!(policy.effective(NOW).announced_from, Some(from));
    // Whoever steals a password must not be able to enrol before the date comes.
    assert!(policy.effective(NOW).requires_ticket);
    let then = policy.effective(from);
    assert_eq!((then.announced_from, then.enforced_from), (None, Some(from)));
    assert!(then.requires_ticket);
}

#[test]
fn the_version_holds_what_was_set_and_nothing_else() {
    let policy = policy([None, Some(setting(true, None, false)), None, Some(setting(false, None, false))]);
    let version = policy.version();
    assert_eq!(version.0.len(), 2);
    assert_eq!(version.level(&policy.own().place.target.key()), 1);
    assert_eq!(version.level("clients_and_resellers"), 0);
}

fn any_setting() -> impl Strategy<Value = Option<Setting>> {
    let from = prop_oneof![Just(None), (-2i64..=2).prop_map(|days| Some(NOW + time::Duration::days(days)))];
    prop_oneof![
        Just(None),
        (any::<bool>(), from, any::<bool>()).prop_map(|(on, from, ticket)| Some(setting(on, from, ticket))),
    ]
}

proptest! {
    /// The law in ten lines: scan from the top, the first that demands now decides; otherwise the earliest date.
    #[test]
    fn evaluation_equals_the_reference(settings in proptest::array::uniform4(any_setting())) {
        let effective = policy(settings.clone()).effective(NOW);
        let due = |setting: &Option<Setting>| matches!(setting, Some(s) if s.enforced && s.enforce_from.is_none_or(|f| f <= NOW));
        let deciding = settings.iter().position(due);
        prop_assert_eq!(effective.is_enforced(), deciding.is_some());
        prop_assert_eq!(effective.state == EffectiveState::Enabled, deciding == Some(3));
        let levels = [PolicyLevel::Provider, PolicyLevel::Reseller, PolicyLevel::Company, PolicyLevel::User];
        prop_assert_eq!(effective.deciding, deciding.map(|index| levels[index]));
        let earliest = settings.iter().flatten().filter(|s| s.enforced).filter_map(|s| s.enforce_from).filter(|f| *f > NOW).min();
        prop_assert_eq!(effective.announced_from, if deciding.is_some() { None } else { earliest });
        prop_assert_eq!(effective.requires_ticket, settings.iter().flatten().any(|s| s.enforced && s.require_ticket));
        let since = settings.iter().filter(|s| due(s)).flatten().map(|s| s.enforce_from.unwrap_or(s.set_time)).min();
        prop_assert_eq!(effective.enforced_from, since);
    }

    /// Enforcing one more level never lifts anything; disabling a level never lifts another's.
    #[test]
    fn enforcement_is_monotone(settings in proptest::array::uniform4(any_setting()), index in 0usize..4) {
        let before = policy(settings.clone()).effective(NOW).is_enforced();
        let mut more = settings.clone();
        more[index] = Some(setting(true, None, false));
        prop_assert!(policy(more).effective(NOW).is_enforced());
        let mut less = settings.clone();
        less[index] = Some(setting(false, None, false));
        let others = settings.iter().enumerate().any(|(at, s)| at != index && matches!(s, Some(s) if s.enforces(NOW)));
        prop_assert_eq!(policy(less).effective(NOW).is_enforced(), others);
        prop_assert!(!others || before);
    }
}
