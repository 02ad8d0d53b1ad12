//! Organisations of which the log has nothing to tell yet, and those that must not be told of.

use std::collections::HashMap;
use std::sync::Mutex;

use access::Caller;
use eventlog::{EventLog, Places, RemotePlaces, Sequencer, WatchOptions};
use fault::{Outcome, Reason};
use proto::common::OrganizationFacts;
use proto::events::event_log_service_server::EventLogService;
use proto::events::{EventFilter, EventOrder, ListEventsRequest, WatchEventsRequest};
use proto::tenant::organization_facts_service_server::{
    OrganizationFactsService, OrganizationFactsServiceServer,
};
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::{ResolveOrganizationRequest, ResolveOrganizationResponse};
use tonic::{Request, Response, Status};
use types::{OrganizationId, OrganizationPath, Role};

use crate::support::{Db, HEAD, Tree, draft, peer, reason, request, text, until, user};

/// The tree as tenant has it; `None`: tenant does not answer.
#[derive(Clone)]
struct Now(std::sync::Arc<Mutex<Option<HashMap<OrganizationId, OrganizationPath>>>>);

impl Now {
    fn of(paths: &[&OrganizationPath]) -> Self {
        let paths = paths.iter().map(|path| (path.organization_id(), (*path).clone())).collect();
        Self(std::sync::Arc::new(Mutex::new(Some(paths))))
    }
}

#[async_trait::async_trait]
impl Places for Now {
    async fn path_of(&self, organization: OrganizationId) -> Outcome<Option<OrganizationPath>> {
        let paths = self.0.lock().unwrap();
        let paths = paths.as_ref().ok_or(Reason::DependencyUnavailable)?;
        Ok(paths.get(&organization).cloned())
    }
}

struct Fixture {
    service: EventLog,
    now: Now,
    tree: Tree,
    /// a1, after it moved from reseller a to reseller b.
    moved: OrganizationPath,
    _sequencer: Sequencer,
}

/// One event of a1, from before it moved; nothing of anybody else.
async fn fixture() -> Fixture {
    let db = Db::create().await;
    let (tree, sequencer) = (Tree::new(), db.sequencer());
    let event = draft(&db.act(), "mfa.test.changed", &tree.company_a1, "before");
    db.append(&db.store(1), vec![event]).await;
    until(&db.owner().await, HEAD, 1).await;
    let moved = tree.reseller_b.child(tree.company_a1.organization_id()).unwrap();
    let now = Now::of(&[
        &tree.provider,
        &tree.reseller_a,
        &tree.reseller_b,
        &tree.company_a2,
        &tree.company_b1,
        &moved,
    ]);
    let service = EventLog::new(db.log(), now.clone(), WatchOptions::default());
    Fixture { service, now, tree, moved, _sequencer: sequencer }
}

impl Fixture {
    async fn list(&self, caller: &Caller, id: OrganizationId, below: bool) -> Result<Vec<String>, Status> {
        let message = ListEventsRequest {
            organization_id: id.to_string(),
            include_descendants: below,
            order: EventOrder::OldestFirst.into(),
            ..ListEventsRequest::default()
        };
        let response = self.service.list_events(request(caller, message)).await?.into_inner();
        Ok(response.events.iter().map(|event| text(event).to_owned()).collect())
    }

    async fn watch(&self, caller: &Caller, id: OrganizationId) -> Result<(), Status> {
        let filter = EventFilter { organization_id: id.to_string(), ..EventFilter::default() };
        let message = WatchEventsRequest { filter: Some(filter), cursor: String::new() };
        self.service.watch_events(request(caller, message)).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_organisation_of_ones_own_branch_has_an_empty_list() {
    let it = fixture().await;
    let tree = &it.tree;
    let provider = user(Role::ProviderAdmin, &tree.provider);
    let reseller = user(Role::ResellerAdmin, &tree.reseller_a);
    let company = user(Role::CompanyAdmin, &tree.company_a2);
    let service = peer("tenant");
    for (caller, path) in [
        (&provider, &tree.provider),
        (&provider, &tree.reseller_b),
        (&provider, &tree.company_a2),
        (&reseller, &tree.reseller_a),
        (&reseller, &tree.company_a2),
        (&company, &tree.company_a2),
        (&service, &tree.company_b1),
    ] {
        let id = path.organization_id();
        assert_eq!(it.list(caller, id, false).await.unwrap(), [""; 0], "{path:?}");
        it.watch(caller, id).await.unwrap();
    }
    assert_eq!(it.list(&reseller, tree.company_a2.organization_id(), true).await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_missing_organisations_are_told_apart_by_nothing() {
    let it = fixture().await;
    let tree = &it.tree;
    for caller in [user(Role::ResellerAdmin, &tree.reseller_a), user(Role::CompanyAdmin, &tree.company_a2)] {
        let missing = OrganizationId::generate();
        let expected = it.list(&caller, missing, false).await.unwrap_err();
        assert_eq!(reason(&expected), "NOT_FOUND");
        for foreign in [&tree.company_b1, &tree.reseller_b, &tree.provider] {
            let id = foreign.organization_id();
            for status in [it.list(&caller, id, false).await, it.list(&caller, id, true).await] {
                let status = status.unwrap_err();
                assert_eq!((status.code(), status.message()), (expected.code(), expected.message()));
                assert_eq!(status.details(), expected.details());
                assert_eq!(format!("{:?}", status.metadata()), format!("{:?}", expected.metadata()));
            }
            assert_eq!(it.watch(&caller, id).await.unwrap_err().details(), expected.details());
        }
        let provider = user(Role::ProviderAdmin, &tree.provider);
        assert_eq!(reason(&it.list(&provider, missing, true).await.unwrap_err()), "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_a_move_stays_with_the_old_reseller() {
    let it = fixture().await;
    let (tree, id) = (&it.tree, it.moved.organization_id());
    let old = user(Role::ResellerAdmin, &tree.reseller_a);
    let new = user(Role::ResellerAdmin, &tree.reseller_b);
    let own = user(Role::CompanyAdmin, &it.moved);
    assert_eq!(it.list(&old, id, false).await.unwrap(), ["before"]);
    assert_eq!(it.list(&new, id, false).await.unwrap(), [""; 0]);
    assert_eq!(it.list(&own, id, false).await.unwrap(), ["before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tenant_what_the_log_does_not_tell_is_not_decided() {
    let it = fixture().await;
    let tree = &it.tree;
    *it.now.0.lock().unwrap() = None;
    let reseller = user(Role::ResellerAdmin, &tree.reseller_a);
    assert_eq!(it.list(&reseller, tree.company_a1.organization_id(), false).await.unwrap(), ["before"]);
    assert_eq!(it.list(&reseller, tree.reseller_a.organization_id(), true).await.unwrap(), ["before"]);
    let mut ends = Vec::new();
    for id in
        [tree.company_a2.organization_id(), tree.company_b1.organization_id(), OrganizationId::generate()]
    {
        ends.push(reason(&it.list(&reseller, id, false).await.unwrap_err()));
    }
    assert_eq!(ends, ["DEPENDENCY_UNAVAILABLE"; 3]);
}

/// tenant's end of a channel.
#[tonic::async_trait]
impl OrganizationFactsService for Now {
    async fn resolve_organization(
        &self,
        request: Request<ResolveOrganizationRequest>,
    ) -> Result<Response<ResolveOrganizationResponse>, Status> {
        let Some(Key::OrganizationId(id)) = request.into_inner().key else { panic!("an id is asked for") };
        let path = self.path_of(id.parse().unwrap()).await.map_err(rpc::into_status)?;
        let path = path.ok_or_else(|| rpc::into_status(Reason::NotFound.into()))?;
        let facts = wire::OrganizationFacts {
            path,
            name: "name".parse().unwrap(),
            realms: Vec::new(),
            state: wire::OrganizationState::Deleted,
            version: 3,
        };
        let organization: Option<OrganizationFacts> = Some(facts.to_wire());
        Ok(Response::new(ResolveOrganizationResponse { organization }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_is_asked_over_a_channel() {
    let tree = Tree::new();
    let now = Now::of(&[&tree.company_a1]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = OrganizationFactsServiceServer::new(now.clone());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let channel = tonic::transport::Endpoint::try_from(format!("http://{address}")).unwrap().connect_lazy();
    let places = RemotePlaces::new(channel);
    let id = tree.company_a1.organization_id();
    assert_eq!(places.path_of(id).await.unwrap(), Some(tree.company_a1.clone()));
    assert_eq!(places.path_of(OrganizationId::generate()).await.unwrap(), None);
    *now.0.lock().unwrap() = None;
    assert_eq!(places.path_of(id).await.unwrap_err().reason(), Reason::DependencyUnavailable);
}
