//! What tenant needs of identity and mfa: the real `FollowService`, over a cursor that the test moves.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use eventlog::{Followed, follow_service};
use proto::events::follow_service_server::SERVICE_NAME;
use rpc::{
    Limits, PeerChannel, Readiness, ReflectionMode, RemoteAuthenticator, Server, ServerOptions, ServerParts,
};
use store::{PoolOptions, Store};
use tonic::service::Routes;

use super::fixture::Fixture;
use super::support::{Database, TRUST_DOMAIN};
use crate::rpc::Refusals;

/// A service that follows tenant's log as fast as it is told to.
pub(super) struct Dependent {
    rows: tokio_postgres::Client,
}

/// Where a service will listen.
pub(super) fn reserve() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Dependent {
    /// Under a peer's name, with nothing applied yet.
    pub(super) async fn start(fixture: &Fixture, name: &str, listener: TcpListener) -> Self {
        let database = Database::create(crate::migrations).await;
        let rows = database.owner().await;
        rows.batch_execute("INSERT INTO log_cursor (log) VALUES ('tenant')").await.unwrap();
        let tls = fixture.certificates.of(name);
        let options = ServerOptions {
            listen: listener.local_addr().unwrap(),
            tls: tls.clone(),
            trust_domain: TRUST_DOMAIN.into(),
            reflection: ReflectionMode::Off,
            limits: Limits::default(),
        };
        let nowhere = vec!["127.0.0.1:1".to_owned()];
        let identity = PeerChannel::connect_lazily(nowhere, &tls, "identity").unwrap();
        let clock = fixture.tenant.clock.clone();
        let store = Store::connect_lazily(&database.service_url, PoolOptions::default()).unwrap();
        let parts = ServerParts {
            routes: Routes::new(follow_service(Followed::new(store))),
            authenticator: Arc::new(RemoteAuthenticator::new(identity, "nobody", clock.clone())),
            refusals: Arc::new(Refusals(fixture.tenant.clone())),
            clock,
            readiness: Readiness::new(true),
            service_names: &[SERVICE_NAME],
        };
        let server = Server::from_listener(listener, options).unwrap();
        tokio::spawn(server.serve(parts, std::future::pending()));
        Self { rows }
    }

    /// It has applied the log up to a position.
    pub(super) async fn apply_up_to(&self, position: i64) {
        let sql = "UPDATE log_cursor SET position = $1 WHERE log = 'tenant'";
        assert_eq!(self.rows.execute(sql, &[&position]).await.unwrap(), 1);
    }

    /// It applies whatever comes, at once.
    pub(super) async fn apply_everything(&self) {
        self.apply_up_to(i64::MAX).await;
    }

    /// How far it has applied the log.
    pub(super) async fn applied(&self) -> i64 {
        let sql = "SELECT position FROM log_cursor WHERE log = 'tenant'";
        self.rows.query_one(sql, &[]).await.unwrap().get(0)
    }
}
