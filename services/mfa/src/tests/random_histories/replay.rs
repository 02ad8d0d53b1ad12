//! The log, read alone from its beginning, against the tables and the reference.

use std::collections::BTreeMap;

use clock::Timestamp;
use proto::events::event::Payload;
use proto::events::{Event, SubjectKind};

use super::reference::{Level, Reference};
use crate::tests::fixture::Fixture;

/// What can be known from events only.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    /// Levels and their versions, by target.
    levels: BTreeMap<String, (Level, i64)>,
    /// Generation and factor, by user.
    users: BTreeMap<String, (i64, Option<String>)>,
}

pub(super) async fn compare(fixture: &Fixture, reference: &Reference) {
    let (told, kept) = (replay(&fixture.events().await), tables(fixture).await);
    assert_eq!(told, kept);
    let levels: BTreeMap<String, Level> =
        kept.levels.iter().map(|(target, (level, _))| (target.clone(), *level)).collect();
    assert_eq!(levels, reference.levels);
    for (id, user) in &reference.users {
        let (generation, factor) = kept.users.get(&id.to_string()).cloned().unwrap_or_default();
        assert_eq!((generation, factor.is_some()), (user.generation, user.has_factor));
    }
}

fn replay(events: &[Event]) -> State {
    let mut state = State::default();
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    for event in events {
        let subject = event.subject.clone().unwrap();
        if subject.kind() == SubjectKind::User {
            homes.insert(subject.id.clone(), event.organization_id.clone());
        }
        let user = || subject.id.clone();
        match event.payload.clone().unwrap() {
            Payload::EnforcementChanged(change) => {
                let from = change.enforce_from.map(|from| wire::timestamp("enforce_from", &from).unwrap());
                let level = (change.enforced, from, change.require_enrollment_ticket);
                let (_, before) = state
                    .levels
                    .insert(change.target, (level, change.version))
                    .unwrap_or(((false, None, false), 0));
                // Nothing is lost or told twice.
                assert_eq!(change.version, before + 1);
                if subject.kind() == SubjectKind::User {
                    let known = state.users.entry(user()).or_default();
                    known.0 = change.generation;
                    if change.configuration_destroyed {
                        known.1 = None;
                    }
                }
            }
            Payload::FactorReset(reset) => {
                let (level, version) = state.levels.entry(user()).or_insert(((true, None, false), 0));
                (level.0, level.1) = (true, None);
                *version += 1;
                assert_eq!(reset.policy_version, *version);
                state.users.insert(user(), (reset.generation, None));
            }
            Payload::FactorEnrolled(enrolled) => {
                state.users.insert(user(), (enrolled.generation, Some(enrolled.factor_id)));
            }
            Payload::ConfigurationDestroyed(_) if subject.kind() == SubjectKind::Organization => {
                let of = |id: &String| homes.get(id) == Some(&subject.id);
                for (_, known) in state.users.iter_mut().filter(|(id, _)| of(id)) {
                    *known = (known.0 + 1, None);
                }
            }
            Payload::ConfigurationDestroyed(destroyed) => {
                let before = state.users.insert(user(), (destroyed.generation, None)).unwrap_or_default();
                assert_eq!(destroyed.destroyed_factor_ids, before.1.into_iter().collect::<Vec<_>>());
            }
            _ => {}
        }
    }
    state.users.retain(|_, known| *known != (0, None));
    state
}

async fn tables(fixture: &Fixture) -> State {
    let mut state = State::default();
    let levels = "SELECT target, enforced, enforce_from, require_enrollment_ticket, version FROM enforcement";
    for row in fixture.rows.query(levels, &[]).await.unwrap() {
        let level = (
            row.get("enforced"),
            row.get::<_, Option<Timestamp>>("enforce_from"),
            row.get("require_enrollment_ticket"),
        );
        state.levels.insert(row.get("target"), (level, row.get("version")));
    }
    let users = "SELECT m.user_id, m.generation, f.factor_id FROM user_mfa m
                 LEFT JOIN factor f ON f.organization_id = m.organization_id AND f.user_id = m.user_id
                 WHERE m.generation > 0";
    for row in fixture.rows.query(users, &[]).await.unwrap() {
        let (id, factor): (uuid::Uuid, Option<uuid::Uuid>) = (row.get("user_id"), row.get("factor_id"));
        state.users.insert(id.to_string(), (row.get("generation"), factor.map(|id| id.to_string())));
    }
    state
}
