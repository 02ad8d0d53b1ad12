//! Organisations as the messages of `countersign.tenant.v1`.

use proto::tenant;
use wire::timestamp_to_wire;

use crate::domain::Organization;

/// An organisation for a caller.
pub(super) fn organization(organization: &Organization) -> tenant::Organization {
    let facts = organization.facts().to_wire();
    tenant::Organization {
        id: facts.id,
        kind: facts.kind,
        name: facts.name,
        parent_id: organization.parent_id().map(|id| id.to_string()).unwrap_or_default(),
        path: facts.path,
        realms: facts.realms,
        state: facts.state,
        etag: organization.etag().to_string(),
        create_time: Some(timestamp_to_wire(organization.create_time)),
        update_time: Some(timestamp_to_wire(organization.update_time)),
    }
}
