//! Following mfa's log: floors rise, and what lies below them ends.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::event::Payload;
use proto::events::{EnforcementChanged, Event, SubjectKind};
use store::Unit;
use types::{OrganizationPath, ServiceName, UserId};

use super::tenant::unreadable;
use crate::ops::{self, FloorChange};

/// Applies mfa's events.
#[derive(Debug, Clone, Copy, Default)]
pub struct FollowMfa;

#[async_trait]
impl Follow for FollowMfa {
    fn log(&self) -> ServiceName {
        ServiceName::Mfa
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "mfa.factor.enrolled",
            "mfa.factor.removed",
            "mfa.factor.reset",
            "mfa.enforcement.enforced",
            "mfa.enforcement.disabled",
            "mfa.enforcement.reenabled",
        ]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        for change in changes(event)? {
            ops::apply_floor_change(unit, &change, now).await?;
        }
        Ok(())
    }
}

/// What an event means for floors: of the user first, as everybody locks users before floors.
fn changes(event: &Event) -> Outcome<Vec<FloorChange>> {
    let of_user = |generation, session: &str, sign_in: &str| -> Outcome<FloorChange> {
        let (path, user) = user_of(event)?;
        Ok(FloorChange::Generation {
            path,
            user,
            generation,
            session: wire::optional_id("session_id", session).map_err(unreadable)?,
            sign_in: wire::optional_id("sign_in_id", sign_in).map_err(unreadable)?,
        })
    };
    match &event.payload {
        Some(Payload::FactorEnrolled(enrolled)) => {
            Ok(vec![of_user(enrolled.generation, &enrolled.session_id, &enrolled.sign_in_id)?])
        }
        Some(Payload::FactorRemoved(removed)) => {
            Ok(vec![of_user(removed.generation, &removed.session_id, "")?])
        }
        Some(Payload::FactorReset(reset)) => {
            let generation = of_user(reset.generation, "", "")?;
            let (_, user) = user_of(event)?;
            let policy = FloorChange::Policy { target: user.to_string(), version: reset.policy_version };
            Ok(vec![generation, policy])
        }
        Some(Payload::EnforcementChanged(changed)) => {
            let policy = FloorChange::Policy { target: changed.target.clone(), version: changed.version };
            if concerns_user(event, changed) {
                Ok(vec![of_user(changed.generation, "", "")?, policy])
            } else {
                Ok(vec![policy])
            }
        }
        _ => Err(unreadable("an event of mfa lacks its payload")),
    }
}

fn concerns_user(event: &Event, changed: &EnforcementChanged) -> bool {
    let subject_is_user = event.subject.as_ref().is_some_and(|subject| subject.kind() == SubjectKind::User);
    subject_is_user && changed.generation > 0
}

fn user_of(event: &Event) -> Outcome<(OrganizationPath, UserId)> {
    let subject = event.subject.as_ref().filter(|subject| subject.kind() == SubjectKind::User);
    let subject = subject.ok_or_else(|| unreadable("an event of mfa names no user"))?;
    let ids = event.path.iter().map(|id| wire::id("path", id)).collect::<Outcome<Vec<_>>>();
    let path = OrganizationPath::new(ids.map_err(unreadable)?).map_err(unreadable)?;
    Ok((path, wire::id("subject.id", &subject.id).map_err(unreadable)?))
}
