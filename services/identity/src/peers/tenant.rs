//! Asking tenant about organisations.

use async_trait::async_trait;
use fault::{Fault, Outcome, Reason};
use proto::tenant::organization_facts_service_client::OrganizationFactsServiceClient;
use proto::tenant::{ResolveOrganizationRequest, resolve_organization_request::Key};
use rpc::{PeerChannel, fault_from_status};
use types::OrganizationId;
use wire::OrganizationFacts;

/// tenant, as identity sees it.
#[async_trait]
pub trait Tenant: Send + Sync {
    /// An organisation from tenant's own tables: what decisions about an administrator's power are made on.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts>;
}

/// tenant over gRPC.
#[derive(Debug, Clone)]
pub struct RemoteTenant {
    channel: PeerChannel,
}

impl RemoteTenant {
    /// tenant at the other end of a channel.
    #[must_use]
    pub fn new(channel: PeerChannel) -> Self {
        Self { channel }
    }
}

#[async_trait]
impl Tenant for RemoteTenant {
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        let request = ResolveOrganizationRequest { key: Some(Key::OrganizationId(id.to_string())) };
        let mut client = OrganizationFactsServiceClient::new(self.channel.clone());
        let answer = client.resolve_organization(request).await.map_err(fault_from_status)?.into_inner();
        let facts = OrganizationFacts::parse(answer.organization.as_ref()).map_err(unreadable)?;
        if facts.id() == id { Ok(facts) } else { Err(unreadable("the answer is about another organisation")) }
    }
}

/// An answer that cannot be used is none.
pub(super) fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(cause)
}
