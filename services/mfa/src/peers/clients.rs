//! The calls to tenant and identity.

use async_trait::async_trait;
use fault::{Fault, Outcome, Reason};
use proto::identity::ResolveUserRequest;
use proto::identity::user_facts_service_client::UserFactsServiceClient;
use proto::tenant::ResolveOrganizationRequest;
use proto::tenant::organization_facts_service_client::OrganizationFactsServiceClient;
use proto::tenant::resolve_organization_request::Key;
use rpc::{PeerChannel, fault_from_status};
use types::{OrganizationId, UserId};
use wire::{OrganizationFacts, UserFacts};

use super::{Identity, Tenant};

/// tenant over a channel.
#[derive(Debug, Clone)]
pub(crate) struct TenantClient(pub(crate) PeerChannel);

#[async_trait]
impl Tenant for TenantClient {
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        let request = ResolveOrganizationRequest { key: Some(Key::OrganizationId(id.to_string())) };
        let mut client = OrganizationFactsServiceClient::new(self.0.clone());
        let answer = client.resolve_organization(request).await.map_err(refused)?.into_inner();
        OrganizationFacts::parse(answer.organization.as_ref()).map_err(unreadable)
    }
}

/// identity over a channel.
#[derive(Debug, Clone)]
pub(crate) struct IdentityClient(pub(crate) PeerChannel);

#[async_trait]
impl Identity for IdentityClient {
    async fn resolve_user(&self, id: UserId) -> Outcome<UserFacts> {
        let request = ResolveUserRequest { user_id: id.to_string() };
        let mut client = UserFactsServiceClient::new(self.0.clone());
        let answer = client.resolve_user(request).await.map_err(refused)?.into_inner();
        UserFacts::parse(answer.user.as_ref()).map_err(unreadable)
    }
}

/// NOT_FOUND is an answer; whatever else a peer has against us, our caller cannot help it.
fn refused(status: tonic::Status) -> Fault {
    let fault = fault_from_status(status);
    match fault.reason() {
        Reason::NotFound => fault,
        _ => Fault::new(Reason::DependencyUnavailable).with_cause(fault),
    }
}

fn unreadable(fault: Fault) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(fault)
}
