//! `OrganizationFactsService`: what the other services ask.

use std::sync::Arc;

use proto::tenant::organization_facts_service_server::OrganizationFactsService;
use proto::tenant::{ResolveOrganizationRequest, ResolveOrganizationResponse};
use rpc::respond;
use tonic::{Request, Response, Status};

use super::parse;
use crate::ops::Tenant;

/// The handlers.
pub(crate) struct FactsHandlers(pub(crate) Arc<Tenant>);

#[tonic::async_trait]
impl OrganizationFactsService for FactsHandlers {
    async fn resolve_organization(
        &self,
        request: Request<ResolveOrganizationRequest>,
    ) -> Result<Response<ResolveOrganizationResponse>, Status> {
        let answer = async {
            let key = parse::organization_key(request.get_ref())?;
            let organization = self.0.resolve_organization(key).await?;
            Ok(ResolveOrganizationResponse { organization: Some(organization.facts().to_wire()) })
        };
        respond(answer.await)
    }
}
