//! RPCs that do what the tests need: each organisation id is a trick.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fault::{Fault, Reason};
use futures::Stream;
use proto::events::event_log_service_server::EventLogService;
use proto::events::{
    GetEventRequest, GetEventResponse, ListEventsRequest, ListEventsResponse, WatchEventsRequest,
    WatchEventsResponse,
};
use proto::tenant::tenant_service_client::TenantServiceClient;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    BootstrapRequest, BootstrapResponse, CreateCompanyRequest, CreateCompanyResponse, CreateResellerRequest,
    CreateResellerResponse, GetOrganizationRequest, GetOrganizationResponse, ListOrganizationsRequest,
    ListOrganizationsResponse, Organization, UpdateOrganizationRequest, UpdateOrganizationResponse,
};
use rpc::PeerChannel;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

#[derive(Default)]
pub(crate) struct Tree {
    /// Another server, for the trick `relay:…`.
    pub(crate) next: Option<PeerChannel>,
    /// How many calls for an organisation, or to create a company, have arrived.
    pub(crate) calls: Arc<AtomicUsize>,
    /// Such calls are never answered.
    pub(crate) is_stuck: bool,
    /// Ends what the trick `leave` leaves to be done.
    pub(crate) left_work: Arc<Notify>,
}

impl Tree {
    async fn arrive(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_stuck {
            std::future::pending().await
        }
    }
}

impl Tree {
    async fn trick(&self, request: Request<GetOrganizationRequest>) -> Result<String, Status> {
        let caller = rpc::caller(&request).map_err(rpc::into_status)?;
        let info = rpc::call_info(&request);
        let liveness = rpc::liveness(&request);
        let has_token = request.metadata().contains_key("authorization");
        let trick = request.into_inner().organization_id;
        match trick.as_str() {
            "caller" => {
                let user = caller.user.as_ref().map_or("nobody", |user| user.role.as_str());
                Ok(format!("{} {user} {}", info.peer, if has_token { "token" } else { "no token" }))
            }
            "alive" => {
                let liveness = liveness.expect("a call for a user has a session");
                let user = liveness.still_alive().await.map_err(rpc::into_status)?;
                Ok(format!("{} {liveness:?}", user.role))
            }
            "trace" => Ok(info.trace_id),
            "time" => Ok(rpc::remaining_time().as_millis().to_string()),
            "missing" => Err(rpc::into_status(Reason::NotFound.into())),
            "recorded" => {
                rpc::refusal_is_recorded();
                Err(rpc::into_status(Reason::NotFound.into()))
            }
            "invalid" => Err(rpc::into_status(Fault::field("organization_id", "is not a UUID"))),
            "internal" => {
                Err(rpc::into_status(Fault::new(Reason::Internal).with_cause("select * from vault")))
            }
            "foreign" => Err(Status::unauthenticated("the vault says no")),
            "panic" => panic!("the vault is open"),
            "wait" => std::future::pending().await,
            "leave" => {
                let left_work = Arc::clone(&self.left_work);
                drop(rpc::spawn_in_call(async move { left_work.notified().await }));
                std::future::pending().await
            }
            _ => self.relay(&trick).await,
        }
    }

    /// `relay:TRICK` asks the next server, as the operator's certificate may.
    async fn relay(&self, trick: &str) -> Result<String, Status> {
        let (Some(next), Some(trick)) = (&self.next, trick.strip_prefix("relay:")) else {
            return Ok("plain".to_owned());
        };
        let request = crate::support::get(trick, "admin");
        match TenantServiceClient::new(next.clone()).get_organization(request).await {
            Ok(response) => Ok(response.into_inner().organization.unwrap().name),
            Err(status) => Err(rpc::into_status(rpc::fault_from_status(status))),
        }
    }
}

#[tonic::async_trait]
impl TenantService for Tree {
    async fn bootstrap(&self, _: Request<BootstrapRequest>) -> Result<Response<BootstrapResponse>, Status> {
        Ok(Response::new(BootstrapResponse::default()))
    }

    async fn create_reseller(
        &self,
        _: Request<CreateResellerRequest>,
    ) -> Result<Response<CreateResellerResponse>, Status> {
        Ok(Response::new(CreateResellerResponse::default()))
    }

    async fn create_company(
        &self,
        _: Request<CreateCompanyRequest>,
    ) -> Result<Response<CreateCompanyResponse>, Status> {
        self.arrive().await;
        Ok(Response::new(CreateCompanyResponse::default()))
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        self.arrive().await;
        let name = self.trick(request).await?;
        let organization = Some(Organization { name, ..Organization::default() });
        Ok(Response::new(GetOrganizationResponse { organization }))
    }

    async fn list_organizations(
        &self,
        _: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        Ok(Response::new(ListOrganizationsResponse::default()))
    }

    async fn update_organization(
        &self,
        _: Request<UpdateOrganizationRequest>,
    ) -> Result<Response<UpdateOrganizationResponse>, Status> {
        Ok(Response::new(UpdateOrganizationResponse::default()))
    }

    async fn add_realm(
        &self,
        _: Request<proto::tenant::AddRealmRequest>,
    ) -> Result<Response<proto::tenant::AddRealmResponse>, Status> {
        Ok(Response::new(proto::tenant::AddRealmResponse::default()))
    }

    async fn suspend_organization(
        &self,
        _: Request<proto::tenant::SuspendOrganizationRequest>,
    ) -> Result<Response<proto::tenant::SuspendOrganizationResponse>, Status> {
        Ok(Response::new(proto::tenant::SuspendOrganizationResponse::default()))
    }

    async fn resume_organization(
        &self,
        _: Request<proto::tenant::ResumeOrganizationRequest>,
    ) -> Result<Response<proto::tenant::ResumeOrganizationResponse>, Status> {
        Ok(Response::new(proto::tenant::ResumeOrganizationResponse::default()))
    }

    async fn move_company(
        &self,
        _: Request<proto::tenant::MoveCompanyRequest>,
    ) -> Result<Response<proto::tenant::MoveCompanyResponse>, Status> {
        Ok(Response::new(proto::tenant::MoveCompanyResponse::default()))
    }

    async fn delete_organization(
        &self,
        _: Request<proto::tenant::DeleteOrganizationRequest>,
    ) -> Result<Response<proto::tenant::DeleteOrganizationResponse>, Status> {
        Ok(Response::new(proto::tenant::DeleteOrganizationResponse::default()))
    }
}

/// A stream whose end is the request's cursor: `foreign`, `ours`, `panic` or (else) none.
pub(crate) struct Log;

type Frames = Pin<Box<dyn Stream<Item = Result<WatchEventsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl EventLogService for Log {
    type WatchEventsStream = Frames;

    async fn list_events(
        &self,
        _: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        Ok(Response::new(ListEventsResponse::default()))
    }

    async fn get_event(&self, _: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        Ok(Response::new(GetEventResponse::default()))
    }

    async fn watch_events(&self, request: Request<WatchEventsRequest>) -> Result<Response<Frames>, Status> {
        let cursor = request.into_inner().cursor;
        let mut sent = false;
        let frames = futures::stream::poll_fn(move |_| {
            use std::task::Poll;
            if !std::mem::replace(&mut sent, true) {
                return Poll::Ready(Some(Ok(WatchEventsResponse::default())));
            }
            match cursor.as_str() {
                "foreign" => Poll::Ready(Some(Err(Status::unknown("the vault is gone")))),
                "ours" => Poll::Ready(Some(Err(rpc::into_status(Reason::CursorOutdated.into())))),
                "panic" => panic!("the vault is open"),
                _ => Poll::Pending,
            }
        });
        Ok(Response::new(Box::pin(frames)))
    }
}
