//! Following tenant's log: the copy of organisations.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::Event;
use proto::events::event::Payload;
use store::Unit;
use types::ServiceName;
use wire::OrganizationFacts;

use super::tenant::unreadable;
use crate::store::organizations;

/// Applies tenant's events.
#[derive(Debug, Clone, Copy, Default)]
pub struct FollowTenant;

#[async_trait]
impl Follow for FollowTenant {
    fn log(&self) -> ServiceName {
        ServiceName::Tenant
    }

    fn types(&self) -> &'static [&'static str] {
        &["tenant.organization.created", "tenant.organization.updated"]
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, _now: Timestamp) -> Outcome<()> {
        let facts = match &event.payload {
            Some(Payload::OrganizationCreated(created)) => created.organization.as_ref(),
            Some(Payload::OrganizationUpdated(updated)) => updated.organization.as_ref(),
            _ => return Err(unreadable("an event of tenant lacks its payload")),
        };
        let facts = OrganizationFacts::parse(facts).map_err(unreadable)?;
        organizations::project(unit, &facts).await?;
        Ok(())
    }
}
