//! `countersign.identity.v1.UserService` and `UserFactsService`

use ::rpc::{respond, signed_in};
use proto::identity::user_facts_service_server::UserFactsService;
use proto::identity::user_service_server::UserService;
use proto::identity::{
    BootstrapRequest, BootstrapResponse, ChangePasswordRequest, ChangePasswordResponse, CreateUserRequest,
    CreateUserResponse, DeleteUserRequest, DeleteUserResponse, DisableUserRequest, DisableUserResponse,
    EnableUserRequest, EnableUserResponse, GetUserRequest, GetUserResponse, IssueInvitationRequest,
    IssueInvitationResponse, ListUsersRequest, ListUsersResponse, ResolveUserRequest, ResolveUserResponse,
    SetPasswordRequest, SetPasswordResponse, UpdateUserRequest, UpdateUserResponse,
};
use tonic::{Request, Response, Status};
use wire::timestamp_to_wire;

use super::fields::{page_size, role_filter};
use super::user_requests as requests;
use crate::ops::{Identity, ListUsers};
use crate::store::answers;

/// The service for administrators.
#[derive(Clone)]
pub struct Users(pub Identity);

/// The service for the other services.
#[derive(Clone)]
pub struct Facts(pub Identity);

#[tonic::async_trait]
impl UserService for Users {
    async fn bootstrap(
        &self,
        request: Request<BootstrapRequest>,
    ) -> Result<Response<BootstrapResponse>, Status> {
        let work = async || {
            let bootstrapped = self.0.bootstrap(requests::bootstrap(&request)?).await?;
            Ok(BootstrapResponse {
                user: Some(answers::user(&bootstrapped.user)),
                enrollment_ticket: bootstrapped.ticket.ticket,
                enrollment_ticket_expire_time: Some(timestamp_to_wire(bootstrapped.ticket.expire_time)),
            })
        };
        respond(work().await)
    }

    async fn create_user(
        &self,
        request: Request<CreateUserRequest>,
    ) -> Result<Response<CreateUserResponse>, Status> {
        let work = async || self.0.create_user(requests::create_user(&self.0.keyring, &request)?).await;
        respond(work().await)
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let work = async || {
            let user_id = wire::id("user_id", &request.get_ref().user_id)?;
            let user = self.0.get_user(&signed_in(&request)?, user_id).await?;
            Ok(GetUserResponse { user: Some(answers::user(&user)) })
        };
        respond(work().await)
    }

    async fn list_users(
        &self,
        request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        let work = async || {
            let message = request.get_ref();
            let command = ListUsers {
                caller: signed_in(&request)?,
                organization_id: wire::optional_id("organization_id", &message.organization_id)?,
                role: role_filter("role", message.role)?,
                page_size: page_size(message.page_size)?,
                page_token: message.page_token.clone(),
            };
            let page = self.0.list_users(command).await?;
            Ok(ListUsersResponse {
                users: page.users.iter().map(answers::user).collect(),
                next_page_token: page.next_page_token,
            })
        };
        respond(work().await)
    }

    async fn update_user(
        &self,
        request: Request<UpdateUserRequest>,
    ) -> Result<Response<UpdateUserResponse>, Status> {
        let work = async || {
            let command = requests::update_user(&self.0.keyring, &request)?;
            Ok(UpdateUserResponse { user: Some(self.0.update_user(command).await?) })
        };
        respond(work().await)
    }

    async fn set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<Response<SetPasswordResponse>, Status> {
        let work = async || {
            self.0.set_password(requests::set_password(&request)?).await?;
            Ok(SetPasswordResponse {})
        };
        respond(work().await)
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let work = async || {
            self.0.change_password(requests::change_password(&self.0.keyring, &request)?).await?;
            Ok(ChangePasswordResponse {})
        };
        respond(work().await)
    }

    async fn disable_user(
        &self,
        request: Request<DisableUserRequest>,
    ) -> Result<Response<DisableUserResponse>, Status> {
        let work = async || {
            let command = requests::disable_user(&request)?;
            Ok(DisableUserResponse { user: Some(self.0.change_user_state(command).await?) })
        };
        respond(work().await)
    }

    async fn enable_user(
        &self,
        request: Request<EnableUserRequest>,
    ) -> Result<Response<EnableUserResponse>, Status> {
        let work = async || {
            let command = requests::enable_user(&request)?;
            Ok(EnableUserResponse { user: Some(self.0.change_user_state(command).await?) })
        };
        respond(work().await)
    }

    async fn delete_user(
        &self,
        request: Request<DeleteUserRequest>,
    ) -> Result<Response<DeleteUserResponse>, Status> {
        let work = async || {
            let _gone = self.0.change_user_state(requests::delete_user(&request)?).await?;
            Ok(DeleteUserResponse {})
        };
        respond(work().await)
    }

    async fn issue_invitation(
        &self,
        request: Request<IssueInvitationRequest>,
    ) -> Result<Response<IssueInvitationResponse>, Status> {
        let work = async || {
            let issued = self.0.issue_invitation(requests::issue_invitation(&request)?).await?;
            Ok(IssueInvitationResponse {
                invitation: issued.token.expose().to_owned(),
                invitation_expire_time: Some(timestamp_to_wire(issued.expire_time)),
            })
        };
        respond(work().await)
    }
}

#[tonic::async_trait]
impl UserFactsService for Facts {
    async fn resolve_user(
        &self,
        request: Request<ResolveUserRequest>,
    ) -> Result<Response<ResolveUserResponse>, Status> {
        let work = async || {
            let user_id = wire::id("user_id", &request.get_ref().user_id)?;
            let facts = self.0.resolve_user(user_id).await?;
            Ok(ResolveUserResponse { user: Some(facts.to_wire()) })
        };
        respond(work().await)
    }
}
