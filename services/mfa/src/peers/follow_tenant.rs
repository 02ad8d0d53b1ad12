//! tenant's log: organisations, and their creators' wish to enforce MFA.

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
        &["tenant.organization.created", "tenant.organization.updated"]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        match &event.payload {
            Some(Payload::OrganizationCreated(created)) => {
                let facts = OrganizationFacts::parse(created.organization.as_ref())?;
                apply_organization_created(unit, &facts, created.enforce_mfa, &act_of(event, now)?).await
            }
            Some(Payload::OrganizationUpdated(updated)) => {
                let facts = OrganizationFacts::parse(updated.organization.as_ref())?;
                apply_organization(unit, &facts).await
            }
            _ => Err(unreadable("an event of tenant's without its payload")),
        }
    }
}
