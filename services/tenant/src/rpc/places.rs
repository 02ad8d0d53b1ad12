//! Where organisations stand, for the event log.

use std::sync::Arc;

use async_trait::async_trait;
use eventlog::Places;
use fault::{Outcome, Reason};
use types::{OrganizationId, OrganizationPath};

use crate::ops::{OrganizationKey, Tenant};

/// tenant's own tables.
pub(crate) struct OwnPlaces(pub(crate) Arc<Tenant>);

#[async_trait]
impl Places for OwnPlaces {
    async fn path_of(&self, organization: OrganizationId) -> Outcome<Option<OrganizationPath>> {
        match self.0.resolve_organization(OrganizationKey::Id(organization)).await {
            Ok(found) => Ok(Some(found.path)),
            Err(fault) if fault.reason() == Reason::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
