//! What tenant needs of mfa: the real `FollowService`, over a cursor that the test moves.

use std::net::TcpListener;
use std::sync::Arc;

use eventlog::{Followed, follow_service};
use proto::events::follow_service_server::SERVICE_NAME;
use rpc::{
    Limits, PeerChannel, Readiness, ReflectionMode, RemoteAuthenticator, Server, ServerOptions, ServerParts,
};
use tonic::service::Routes;

use super::fixture::Fixture;
use super::support::TRUST_DOMAIN;
use crate::rpc::Refusals;

pub(super) struct FollowingMfa<'a> {
    fixture: &'a Fixture,
}

impl<'a> FollowingMfa<'a> {
    pub(super) async fn start(fixture: &'a Fixture, listener: TcpListener) -> Self {
        let sql = "INSERT INTO log_cursor (log) VALUES ('tenant')";
        fixture.rows.batch_execute(sql).await.unwrap();
        let options = ServerOptions {
            listen: listener.local_addr().unwrap(),
            tls: fixture.certificates.of("mfa"),
            trust_domain: TRUST_DOMAIN.into(),
            reflection: ReflectionMode::Off,
            limits: Limits::default(),
        };
        let nowhere = vec!["127.0.0.1:1".to_owned()];
        let identity =
            PeerChannel::connect_lazily(nowhere, &fixture.certificates.of("mfa"), "identity").unwrap();
        let clock = fixture.tenant.clock.clone();
        let parts = ServerParts {
            routes: Routes::new(follow_service(Followed::new(fixture.tenant.store.clone()))),
            authenticator: Arc::new(RemoteAuthenticator::new(identity, "nobody", clock.clone())),
            refusals: Arc::new(Refusals(fixture.tenant.clone())),
            clock,
            readiness: Readiness::new(true),
            service_names: &[SERVICE_NAME],
        };
        let server = Server::from_listener(listener, options).unwrap();
        tokio::spawn(server.serve(parts, std::future::pending()));
        Self { fixture }
    }

    pub(super) async fn apply_up_to(&self, position: i64) {
        let sql = "UPDATE log_cursor SET position = $1 WHERE log = 'tenant'";
        assert_eq!(self.fixture.rows.execute(sql, &[&position]).await.unwrap(), 1);
    }

    pub(super) async fn applied(&self) -> i64 {
        let sql = "SELECT position FROM log_cursor WHERE log = 'tenant'";
        self.fixture.rows.query_one(sql, &[]).await.unwrap().get(0)
    }
}
