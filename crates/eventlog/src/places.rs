//! Where organisations stand now, for those of whom the log has nothing to tell yet.

use async_trait::async_trait;
use fault::{Fault, Outcome, Reason};
use proto::tenant::ResolveOrganizationRequest;
use proto::tenant::organization_facts_service_client::OrganizationFactsServiceClient;
use proto::tenant::resolve_organization_request::Key;
use rpc::fault_from_status;
use types::{OrganizationId, OrganizationPath};
use wire::OrganizationFacts;

use crate::follow::Upstream;

/// Says where an organisation stands. It decides only whether there is such an organisation in the caller's branch: which
/// events are shown goes by the path recorded in them.
#[async_trait]
pub trait Places: Send + Sync + 'static {
    /// The present path of an organisation, deleted ones included; none when there never was one. MUST be fresh: a copy that
    /// lags would tell a new organisation from a foreign one.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE when that cannot be found out.
    async fn path_of(&self, organization: OrganizationId) -> Outcome<Option<OrganizationPath>>;
}

/// tenant, asked over a channel.
#[derive(Debug, Clone)]
pub struct RemotePlaces<C>(C);

impl<C: Upstream> RemotePlaces<C> {
    /// Places as tenant at the other end of a channel knows them.
    #[must_use]
    pub fn new(tenant: C) -> Self {
        Self(tenant)
    }
}

#[async_trait]
impl<C: Upstream> Places for RemotePlaces<C>
where
    C::Future: Send,
{
    async fn path_of(&self, organization: OrganizationId) -> Outcome<Option<OrganizationPath>> {
        let request = ResolveOrganizationRequest { key: Some(Key::OrganizationId(organization.to_string())) };
        let mut client = OrganizationFactsServiceClient::new(self.0.clone());
        let answer = match client.resolve_organization(request).await.map_err(fault_from_status) {
            Ok(answer) => answer.into_inner(),
            Err(fault) if fault.reason() == Reason::NotFound => return Ok(None),
            Err(fault) => return Err(no_answer(fault)),
        };
        let facts = OrganizationFacts::parse(answer.organization.as_ref()).map_err(no_answer)?;
        if facts.id() == organization {
            Ok(Some(facts.path))
        } else {
            Err(no_answer(Fault::new(Reason::Internal).with_cause("an answer about another organisation")))
        }
    }
}

/// Whatever tenant has against us, our caller cannot help it; and without its answer nothing is known.
fn no_answer(fault: Fault) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(fault)
}
