//! `TenantService`: the tree, for users. Every method reads: who, which call, what, done, rendered.

use std::sync::Arc;

use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    AddRealmRequest, AddRealmResponse, BootstrapRequest, BootstrapResponse, CreateCompanyRequest,
    CreateCompanyResponse, CreateResellerRequest, CreateResellerResponse, DeleteOrganizationRequest,
    DeleteOrganizationResponse, GetOrganizationRequest, GetOrganizationResponse, ListOrganizationsRequest,
    ListOrganizationsResponse, MoveCompanyRequest, MoveCompanyResponse, ResumeOrganizationRequest,
    ResumeOrganizationResponse, SuspendOrganizationRequest, SuspendOrganizationResponse,
    UpdateOrganizationRequest, UpdateOrganizationResponse,
};
use rpc::{respond, signed_in};
use tonic::{Request, Response, Status};

use super::{call, parse, render};
use crate::ops::Tenant;

/// The handlers.
pub(crate) struct TenantHandlers(pub(crate) Arc<Tenant>);

#[tonic::async_trait]
impl TenantService for TenantHandlers {
    async fn bootstrap(
        &self,
        request: Request<BootstrapRequest>,
    ) -> Result<Response<BootstrapResponse>, Status> {
        let answer = async {
            let call = call::by_operator("Bootstrap", &request.get_ref().request_id, &request)?;
            let command = parse::bootstrap(request.get_ref())?;
            let provider = self.0.bootstrap(command, call).await?;
            Ok(BootstrapResponse { organization: Some(render::organization(&provider)) })
        };
        respond(answer.await)
    }

    async fn create_reseller(
        &self,
        request: Request<CreateResellerRequest>,
    ) -> Result<Response<CreateResellerResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "CreateReseller", &request.get_ref().request_id, &request)?;
            let command = parse::create_reseller(request.get_ref())?;
            let reseller = self.0.create_reseller(caller, command, call).await?;
            Ok(CreateResellerResponse { organization: Some(render::organization(&reseller)) })
        };
        respond(answer.await)
    }

    async fn create_company(
        &self,
        request: Request<CreateCompanyRequest>,
    ) -> Result<Response<CreateCompanyResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "CreateCompany", &request.get_ref().request_id, &request)?;
            let command = parse::create_company(request.get_ref())?;
            let company = self.0.create_company(caller, command, call).await?;
            Ok(CreateCompanyResponse { organization: Some(render::organization(&company)) })
        };
        respond(answer.await)
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let id = parse::organization_id(&request.get_ref().organization_id)?;
            let organization = self.0.get_organization(&caller, id).await?;
            Ok(GetOrganizationResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let query = parse::list_organizations(request.get_ref())?;
            let page = self.0.list_organizations(&caller, query).await?;
            let organizations = page.organizations.iter().map(render::organization).collect();
            Ok(ListOrganizationsResponse { organizations, next_page_token: page.next_page_token })
        };
        respond(answer.await)
    }

    async fn update_organization(
        &self,
        request: Request<UpdateOrganizationRequest>,
    ) -> Result<Response<UpdateOrganizationResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "UpdateOrganization", &request.get_ref().request_id, &request)?;
            let command = parse::update_organization(request.get_ref())?;
            let organization = self.0.update_organization(caller, command, call).await?;
            Ok(UpdateOrganizationResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn add_realm(
        &self,
        request: Request<AddRealmRequest>,
    ) -> Result<Response<AddRealmResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "AddRealm", &request.get_ref().request_id, &request)?;
            let command = parse::add_realm(request.get_ref())?;
            let organization = self.0.add_realm(caller, command, call).await?;
            Ok(AddRealmResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn suspend_organization(
        &self,
        request: Request<SuspendOrganizationRequest>,
    ) -> Result<Response<SuspendOrganizationResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "SuspendOrganization", &request.get_ref().request_id, &request)?;
            let command = parse::suspend_organization(request.get_ref())?;
            let organization = self.0.set_suspended(caller, command, call).await?;
            Ok(SuspendOrganizationResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn resume_organization(
        &self,
        request: Request<ResumeOrganizationRequest>,
    ) -> Result<Response<ResumeOrganizationResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "ResumeOrganization", &request.get_ref().request_id, &request)?;
            let command = parse::resume_organization(request.get_ref())?;
            let organization = self.0.set_suspended(caller, command, call).await?;
            Ok(ResumeOrganizationResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn move_company(
        &self,
        request: Request<MoveCompanyRequest>,
    ) -> Result<Response<MoveCompanyResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "MoveCompany", &request.get_ref().request_id, &request)?;
            let command = parse::move_company(request.get_ref())?;
            let organization = self.0.move_company(caller, command, call).await?;
            Ok(MoveCompanyResponse { organization: Some(render::organization(&organization)) })
        };
        respond(answer.await)
    }

    async fn delete_organization(
        &self,
        request: Request<DeleteOrganizationRequest>,
    ) -> Result<Response<DeleteOrganizationResponse>, Status> {
        let answer = async {
            let caller = signed_in(&request)?;
            let call = call::by(&caller, "DeleteOrganization", &request.get_ref().request_id, &request)?;
            let command = parse::delete_organization(request.get_ref())?;
            self.0.delete_organization(caller, command, call).await?;
            Ok(DeleteOrganizationResponse {})
        };
        respond(answer.await)
    }
}
