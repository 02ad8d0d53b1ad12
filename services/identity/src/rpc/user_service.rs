//! `countersign.identity.v1.UserService` and `UserFactsService`

use ::rpc::{respond, signed_in};
use access::SignedIn;
use eventlog::request_record::Key;
use fault::{Fault, Outcome, Reason};
use keyring::Keyring;
use proto::common;
use proto::identity::user_facts_service_server::UserFactsService;
use proto::identity::user_service_server::UserService;
use proto::identity::{
    BootstrapRequest, BootstrapResponse, CreateUserRequest, CreateUserResponse, GetUserRequest,
    GetUserResponse, ListUsersRequest, ListUsersResponse, ResolveUserRequest, ResolveUserResponse,
};
use tonic::{Request, Response, Status};
use types::{AuthSource, Password, RequestId};
use wire::timestamp_to_wire;

use super::fields::{origin, page_size, role, role_filter};
use crate::ops::{Bootstrap, CreateUser, Identity, ListUsers, NewUser};
use crate::store::answers;

const CREATE_USER: &str = "/countersign.identity.v1.UserService/CreateUser";

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
            let bootstrapped = self.0.bootstrap(bootstrap(&request)?).await?;
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
        let work = async || {
            let message = request.get_ref();
            let (caller, origin) = (signed_in(&request)?, origin(&request, None, &message.request_id)?);
            let new = new_user(message)?;
            let key = origin.request_id.map(|id| key(&self.0.keyring, &caller, id, message));
            self.0.create_user(CreateUser { caller, new, key, origin }).await
        };
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

fn bootstrap(request: &Request<BootstrapRequest>) -> Outcome<Bootstrap> {
    let message = request.get_ref();
    Ok(Bootstrap {
        organization_id: wire::id("organization_id", &message.organization_id)?,
        login: wire::id("login", &message.login)?,
        display_name: wire::id("display_name", &message.display_name)?,
        email: wire::id("email", &message.email)?,
        password: password(&message.password)?.ok_or_else(|| Fault::field("password", "is required"))?,
        origin: origin(request, None, "")?,
    })
}

fn new_user(message: &CreateUserRequest) -> Outcome<NewUser> {
    let auth_source = if message.auth_source == common::AuthSource::Unspecified as i32 {
        AuthSource::Local
    } else {
        wire::auth_source(message.auth_source).ok_or_else(|| Fault::field("auth_source", "is not known"))?
    };
    Ok(NewUser {
        organization_id: wire::id("organization_id", &message.organization_id)?,
        login: wire::id("login", &message.login)?,
        display_name: wire::id("display_name", &message.display_name)?,
        email: wire::id("email", &message.email)?,
        role: role("role", message.role)?,
        auth_source,
        password: password(&message.password)?,
        enforce_mfa: message.enforce_mfa,
    })
}

/// A new password; none when it is empty.
fn password(text: &str) -> Outcome<Option<Password>> {
    if text.is_empty() {
        return Ok(None);
    }
    let too_long =
        || Fault::new(Reason::PasswordNotAcceptable).with_field("password", "is longer than 256 characters");
    Password::parse(text).map(Some).ok_or_else(too_long)
}

/// The key of an idempotent creation. The fingerprint is stored: it holds the password only under the keyring's key, as a
/// plain hash of a password could be guessed.
fn key(keyring: &Keyring, caller: &SignedIn, id: RequestId, message: &CreateUserRequest) -> Key {
    let tag = keyring.mac("identity.create_user.password", message.password.as_bytes());
    let password = data_encoding::HEXLOWER.encode(&tag.mac);
    let content = CreateUserRequest { request_id: String::new(), password, ..message.clone() };
    Key::new(caller.user_id.to_string(), CREATE_USER, id, &content)
}
