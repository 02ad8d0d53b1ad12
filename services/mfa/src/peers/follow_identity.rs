//! identity's log: users and their lives, and their creators' wish to enforce MFA.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::event::Payload;
use proto::events::{Event, SubjectKind};
use store::Unit;
use types::ServiceName;
use wire::UserFacts;

use super::followed_act::{act_of, unreadable};
use crate::ops::{apply_sign_in, apply_user, apply_user_created};
use crate::store::UserKey;

/// Applies identity's events.
#[derive(Debug)]
pub(crate) struct FollowIdentity;

#[async_trait]
impl Follow for FollowIdentity {
    fn log(&self) -> ServiceName {
        ServiceName::Identity
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "identity.user.created",
            "identity.user.updated",
            "identity.user.disabled",
            "identity.user.enabled",
            "identity.user.password_changed",
            "identity.user.deleted",
            "identity.invitation.accepted",
            "identity.sign_in.completed",
        ]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        // By far the most frequent, and the cheapest: one update.
        if let Some(Payload::SignInCompleted(_)) = &event.payload {
            let (user, at) = signed_in(event)?;
            return apply_sign_in(unit, user, at).await;
        }
        let act = act_of(event, now)?;
        let (facts, created) = match &event.payload {
            Some(Payload::UserCreated(created)) => (&created.user, Some(created.enforce_mfa)),
            Some(Payload::UserUpdated(updated)) => (&updated.user, None),
            Some(Payload::UserStateChanged(changed)) => (&changed.user, None),
            Some(Payload::UserPasswordChanged(changed)) => (&changed.user, None),
            Some(Payload::UserDeleted(deleted)) => (&deleted.user, None),
            Some(Payload::InvitationAccepted(accepted)) => (&accepted.user, None),
            _ => return Err(unreadable("an event of identity's without its payload")),
        };
        let facts = UserFacts::parse(facts.as_ref())?;
        match created {
            Some(enforce_mfa) => apply_user_created(unit, &facts, enforce_mfa, &act).await,
            None => apply_user(unit, &facts, &act).await,
        }
    }
}

/// Who signed in, and when.
fn signed_in(event: &Event) -> Outcome<(UserKey, Timestamp)> {
    let subject = event.subject.as_ref().filter(|subject| subject.kind() == SubjectKind::User);
    let subject = subject.ok_or_else(|| unreadable("a sign-in of nobody"))?;
    let at = event.record_time.as_ref().ok_or_else(|| unreadable("a sign-in at no time"))?;
    let user = UserKey {
        organization_id: wire::id("organization_id", &event.organization_id)?,
        user_id: wire::id("subject.id", &subject.id)?,
    };
    Ok((user, wire::timestamp("record_time", at)?))
}
