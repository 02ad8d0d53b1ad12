//! The other services, as mfa needs them: what it asks them for, waits for, and follows.
//!
//! Traits of domain types, so that the use cases know no wire. No SQL.

mod clients;
mod follow_identity;
mod follow_tenant;
mod followed_act;

use async_trait::async_trait;
use fault::Outcome;
use types::{EventId, OrganizationId, UserId};
use wire::{OrganizationFacts, UserFacts};

pub(crate) use clients::{IdentityClient, TenantClient};
pub(crate) use follow_identity::FollowIdentity;
pub(crate) use follow_tenant::FollowTenant;

/// tenant: the tree.
#[async_trait]
pub(crate) trait Tenant: Send + Sync {
    /// An organisation as tenant's own tables have it now.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts>;
}

/// identity: users.
#[async_trait]
pub(crate) trait Identity: Send + Sync {
    /// A user as identity's own tables have them now.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    async fn resolve_user(&self, id: UserId) -> Outcome<UserFacts>;
}

/// Those who must have applied a change before it is acknowledged.
#[async_trait]
pub(crate) trait InForce: Send + Sync {
    /// Waits until everybody who depends on it has applied the event.
    ///
    /// # Errors
    /// NOT_YET_IN_FORCE: the change stands, but not everybody has applied it in time.
    async fn await_in_force(&self, event_id: EventId) -> Outcome<()>;
}

/// Whoever vouches for the service's clock.
pub(crate) trait ClockTrust: Send + Sync {
    /// Whether the clock is known to be right.
    ///
    /// # Errors
    /// CLOCK_NOT_TRUSTED.
    fn trusted(&self) -> Outcome<()>;
}

impl ClockTrust for host::ClockGuard {
    fn trusted(&self) -> Outcome<()> {
        Self::trusted(self)
    }
}

#[async_trait]
impl InForce for eventlog::Dependents {
    async fn await_in_force(&self, event_id: EventId) -> Outcome<()> {
        eventlog::Dependents::await_in_force(self, event_id).await
    }
}
