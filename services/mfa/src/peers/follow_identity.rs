//! identity's log: users, and their creators' wish to enforce MFA.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::Event;
use proto::events::event::Payload;
use store::Unit;
use types::ServiceName;
use wire::UserFacts;

use super::followed_act::{act_of, unreadable};
use crate::ops::apply_user_created;

/// Applies identity's events.
#[derive(Debug)]
pub(crate) struct FollowIdentity;

#[async_trait]
impl Follow for FollowIdentity {
    fn log(&self) -> ServiceName {
        ServiceName::Identity
    }

    fn types(&self) -> &'static [&'static str] {
        &["identity.user.created"]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        match &event.payload {
            Some(Payload::UserCreated(created)) => {
                let facts = UserFacts::parse(created.user.as_ref())?;
                apply_user_created(unit, &facts, created.enforce_mfa, &act_of(event, now)?).await
            }
            _ => Err(unreadable("an event of identity's without its payload")),
        }
    }
}
