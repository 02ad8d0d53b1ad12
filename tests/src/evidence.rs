//! What a run left behind: rows of the databases, and events as they were committed - before any position, so that nothing has
//! to be waited for.

use std::collections::BTreeMap;

use prost::Message as _;
use proto::events::event::Payload;
use proto::events::{Event, VerificationRefusal};
use testkit::{TestDatabase, TestSystem};

/// Every event that a service has committed, in the order of one entity's history.
pub async fn events(database: &TestDatabase) -> Vec<Event> {
    let rows = database.owner().await.query("SELECT envelope FROM event ORDER BY seq", &[]).await;
    let decoded = |bytes: Vec<u8>| Event::decode(bytes.as_slice()).expect("an event");
    rows.expect("the log can be read").iter().map(|row| decoded(row.get(0))).collect()
}

/// How many events of which type are about a user.
pub async fn tally(database: &TestDatabase, user_id: &str) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for event in events(database).await {
        if event.subject.as_ref().is_some_and(|subject| subject.id == user_id) {
            *tally.entry(event.r#type).or_default() += 1;
        }
    }
    tally
}

/// What mfa's log says about a user's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Verdicts {
    pub accepted: usize,
    pub wrong: usize,
    pub replayed: usize,
    pub locked: usize,
    pub outdated: usize,
    pub other: usize,
}

impl Verdicts {
    /// As they were committed.
    pub async fn of(system: &TestSystem, user_id: &str) -> Self {
        let mut verdicts = Self::default();
        for event in events(&system.mfa_database).await {
            if event.subject.as_ref().is_none_or(|subject| subject.id != user_id) {
                continue;
            }
            match event.payload {
                Some(Payload::VerificationSucceeded(_)) => verdicts.accepted += 1,
                Some(Payload::VerificationRefused(refused)) => match refused.refusal() {
                    VerificationRefusal::Wrong => verdicts.wrong += 1,
                    VerificationRefusal::Replayed => verdicts.replayed += 1,
                    VerificationRefusal::Locked => verdicts.locked += 1,
                    VerificationRefusal::Outdated => verdicts.outdated += 1,
                    _ => verdicts.other += 1,
                },
                _ => {}
            }
        }
        verdicts
    }

    /// Codes that were compared with the secret.
    #[must_use]
    pub const fn evaluated(&self) -> usize {
        self.accepted + self.wrong + self.replayed
    }
}

/// The throttle of a user's codes, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Throttle {
    pub wrong_codes: i32,
    pub lock_level: i32,
    pub is_locked: bool,
    pub refused_while_locked: i32,
    pub recent_failures: i32,
}

impl Throttle {
    /// As committed.
    pub async fn of(system: &TestSystem, user_id: &str) -> Self {
        let sql = "SELECT wrong_codes, lock_level, locked_until IS NOT NULL, refused_while_locked,
                          cardinality(recent_failures)
                   FROM user_mfa WHERE user_id::text = $1";
        let row = system.mfa_database.owner().await.query_one(sql, &[&user_id]).await.expect("a row");
        Self {
            wrong_codes: row.get(0),
            lock_level: row.get(1),
            is_locked: row.get(2),
            refused_while_locked: row.get(3),
            recent_failures: row.get(4),
        }
    }
}

/// How many sessions a user has, living and dead.
pub async fn sessions(system: &TestSystem, user_id: &str) -> i64 {
    let sql = "SELECT count(*) FROM session WHERE user_id::text = $1";
    let row = system.identity_database.owner().await.query_one(sql, &[&user_id]).await;
    row.expect("a count").get(0)
}
