//! A follower of tests.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::{Fault, Outcome, Reason};
use proto::events::Event;
use store::Unit;
use types::ServiceName;

use crate::support::text;

pub(crate) const TYPES: &[&str] = &["mfa.test.changed"];

/// Writes down what it is given, and fails on one text for as long as it is told.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl Follow for Notes {
    fn log(&self) -> ServiceName {
        ServiceName::Mfa
    }

    fn types(&self) -> &'static [&'static str] {
        TYPES
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, _now: Timestamp) -> Outcome<()> {
        let text = text(event).to_owned();
        let is_blocked = text == "blocked" && self.fails.load(Ordering::SeqCst);
        unit.execute("INSERT INTO applied (position, text) VALUES ($1, $2)", &[&event.position, &text])
            .await?;
        if is_blocked { Err(Fault::new(Reason::Internal)) } else { Ok(()) }
    }
}
