//! Following tenant's log: the copy of organisations, and what their changes end.

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
use crate::domain::organization::OrganizationChange;
use crate::ops;

/// Applies tenant's events.
#[derive(Debug, Clone, Copy, Default)]
pub struct FollowTenant;

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

    /// What ends sessions locks an organisation and its users, and holds them no longer than it must.
    fn is_alone(&self, event_type: &str) -> bool {
        change_of(event_type).is_some()
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        let (facts, change) = read(event)?;
        ops::apply_organization_change(unit, &facts, change, now).await
    }
}

/// What an event says, and what it ends here.
fn read(event: &Event) -> Outcome<(OrganizationFacts, Option<OrganizationChange>)> {
    let facts = match &event.payload {
        Some(Payload::OrganizationCreated(created)) => created.organization.as_ref(),
        Some(Payload::OrganizationUpdated(updated)) => updated.organization.as_ref(),
        Some(Payload::RealmAdded(added)) => added.organization.as_ref(),
        Some(Payload::OrganizationStateChanged(changed)) => changed.organization.as_ref(),
        Some(Payload::OrganizationMoved(moved)) => moved.organization.as_ref(),
        Some(Payload::OrganizationDeleted(deleted)) => deleted.organization.as_ref(),
        _ => return Err(unreadable("an event of tenant lacks its payload")),
    };
    let facts = OrganizationFacts::parse(facts).map_err(unreadable)?;
    Ok((facts, change_of(&event.r#type)))
}

fn change_of(event_type: &str) -> Option<OrganizationChange> {
    match event_type {
        "tenant.organization.suspended" => Some(OrganizationChange::Suspended),
        "tenant.organization.moved" => Some(OrganizationChange::Moved),
        "tenant.organization.deleted" => Some(OrganizationChange::Deleted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proto::common;
    use proto::events::{
        OrganizationCreated, OrganizationDeleted, OrganizationMoved, OrganizationStateChanged,
    };
    use types::{OrganizationId, OrganizationPath};
    use wire::OrganizationState;

    use super::*;

    fn facts() -> common::OrganizationFacts {
        OrganizationFacts {
            path: OrganizationPath::root(OrganizationId::generate()),
            name: "provider".parse().unwrap(),
            realms: Vec::new(),
            state: OrganizationState::Inactive,
            version: 3,
        }
        .to_wire()
    }

    #[test]
    fn only_what_takes_something_away_ends_sessions() {
        let organization = Some(facts());
        let changed =
            || OrganizationStateChanged { organization: organization.clone(), ..Default::default() };
        let moved = OrganizationMoved { organization: organization.clone(), ..Default::default() };
        let deleted = OrganizationDeleted { organization: organization.clone(), ..Default::default() };
        for (name, payload, expected) in [
            ("created", Payload::OrganizationCreated(OrganizationCreated::default()), Err(())),
            (
                "suspended",
                Payload::OrganizationStateChanged(changed()),
                Ok(Some(OrganizationChange::Suspended)),
            ),
            ("resumed", Payload::OrganizationStateChanged(changed()), Ok(None)),
            ("moved", Payload::OrganizationMoved(moved), Ok(Some(OrganizationChange::Moved))),
            ("deleted", Payload::OrganizationDeleted(deleted), Ok(Some(OrganizationChange::Deleted))),
        ] {
            let r#type = format!("tenant.organization.{name}");
            assert!(FollowTenant.types().contains(&r#type.as_str()));
            let event = Event { r#type, payload: Some(payload), ..Event::default() };
            assert_eq!(read(&event).map(|(_, change)| change).map_err(drop), expected, "{name}");
        }
    }
}
