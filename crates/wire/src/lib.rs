//! The shared messages of `countersign.common.v1` as domain types, and back.
//!
//! Pure conversions for the rooms that touch the wire (`rpc`, `peers`) or the stored envelope (`store`). No tonic, no SQL.

mod facts;
mod parse;

pub use facts::{OrganizationFacts, OrganizationState, PolicyVersion, UserFacts, UserState};
pub use parse::{
    Client, auth_source, auth_source_to_wire, duration_to_wire, id, optional_id, organization_kind,
    organization_kind_to_wire, role, role_to_wire, timestamp, timestamp_to_wire,
};
