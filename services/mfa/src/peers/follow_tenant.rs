//! tenant's log: organisations and their lives, and their creators' wish to enforce MFA.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::Event;
use proto::events::event::Payload;
use store::Unit;
use types::ServiceName;
use wire::OrganizationFacts;

use super::followed_act::{act_of, unreadable};
use crate::ops::{apply_organization, apply_organization_created};

/// Applies tenant's events.
#[derive(Debug)]
pub(crate) struct FollowTenant;

#[async_trait]
impl Follow for FollowTenant {
    fn log(&self) -> ServiceName {
        ServiceName::Tenant
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "tenant.organization.created",
            "tenant.organization.updated",
            "tenant.organization.realm_added",
            "tenant.organization.suspended",
            "tenant.organization.resumed",
            "tenant.organization.moved",
            "tenant.organization.deleted",
        ]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        let act = act_of(event, now)?;
        let (facts, created) = match &event.payload {
            Some(Payload::OrganizationCreated(created)) => (&created.organization, Some(created.enforce_mfa)),
            Some(Payload::OrganizationUpdated(updated)) => (&updated.organization, None),
            Some(Payload::RealmAdded(added)) => (&added.organization, None),
            Some(Payload::OrganizationStateChanged(changed)) => (&changed.organization, None),
            Some(Payload::OrganizationMoved(moved)) => (&moved.organization, None),
            Some(Payload::OrganizationDeleted(deleted)) => (&deleted.organization, None),
            _ => return Err(unreadable("an event of tenant's without its payload")),
        };
        let facts = OrganizationFacts::parse(facts.as_ref())?;
        match created {
            Some(enforce_mfa) => apply_organization_created(unit, &facts, enforce_mfa, &act).await,
            None => apply_organization(unit, &facts, &act).await,
        }
    }
}
