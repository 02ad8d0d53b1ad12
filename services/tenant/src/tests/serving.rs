//! The service as its peers see it: over mutual TLS, with its layers, on a real database. Identity and mfa are not there.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use clock::ManualClock;
use fault::Reason;
use host::{App, HostConfig, OpsConfig, SteeredReference};
use keyring::Keyring;
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::follow_service_client::FollowServiceClient;
use proto::events::{AwaitAppliedRequest, ListEventsRequest};
use proto::tenant::organization_facts_service_client::OrganizationFactsServiceClient;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_client::TenantServiceClient;
use proto::tenant::{BootstrapRequest, GetOrganizationRequest, Organization, ResolveOrganizationRequest};
use rpc::{PeerChannel, ReflectionMode, reason_of};
use telemetry::LogFormat;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::support::{Certificates, Database, TRUST_DOMAIN};
use crate::{Config, start};

struct Running {
    app: App,
    reference: SteeredReference,
    certificates: Certificates,
    _keys: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        let database = Database::create(crate::migrations).await;
        let certificates = Certificates::create();
        let keys = tempfile::tempdir().unwrap();
        Keyring::create(&keys.path().join("tenant")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = certificates.of("tenant");
        let reference = SteeredReference::default();
        let host = HostConfig {
            listen: listener.local_addr().unwrap(),
            listener: Some(Arc::new(listener)),
            database_url: database.service_url,
            sequencer_database_url: database.sequencer_url,
            keyring_dir: keys.path().join("tenant"),
            tls_ca: own.ca,
            tls_cert: own.cert,
            tls_key: own.key,
            trust_domain: TRUST_DOMAIN.into(),
            reflection: ReflectionMode::Operators,
            issuer: "https://countersign.local".into(),
            log_format: LogFormat::Text,
            ntp_server: None,
            clock_tolerance_seconds: 5,
            ops: OpsConfig { ops_listen: "127.0.0.1:0".parse().unwrap(), ..OpsConfig::default() },
            clock_references: Some(reference.clone().into()),
        };
        let config =
            Config { host, identity_addr: vec!["127.0.0.1:1".into()], mfa_addr: vec!["127.0.0.1:1".into()] };
        let clock = ManualClock::at(time::macros::datetime!(2026-11-24 09:00 UTC));
        let app = start(config, clock.shared()).await.unwrap();
        Self { app, reference, certificates, _keys: keys }
    }

    fn channel(&self, peer: &str) -> PeerChannel {
        let address = self.app.local_addr().to_string();
        PeerChannel::connect_lazily(vec![address], &self.certificates.of(peer), "tenant").unwrap()
    }

    /// The status and the report that the ops port answers.
    async fn ops(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.app.ops_addr().unwrap()).await.unwrap();
        let asked = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().to_owned();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    async fn bootstrap(&self) -> Organization {
        let request = BootstrapRequest {
            name: "Cloudline".into(),
            realm: "cloudline.example".into(),
            ..Default::default()
        };
        let answer = TenantServiceClient::new(self.channel("operator")).bootstrap(request).await;
        answer.unwrap().into_inner().organization.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_bootstraps_and_the_other_services_hear_of_it() {
    let running = Running::start().await;
    let provider = running.bootstrap().await;

    let mut facts = OrganizationFactsServiceClient::new(running.channel("identity"));
    let request = ResolveOrganizationRequest { key: Some(Key::Realm("cloudline.example".into())) };
    let resolved = facts.resolve_organization(request).await.unwrap().into_inner().organization.unwrap();
    assert_eq!(resolved.id, provider.id);

    let mut log = EventLogServiceClient::new(running.channel("mfa"));
    let events = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            // A commit has its place in the log a moment later.
            let events = log.list_events(ListEventsRequest::default()).await.unwrap().into_inner().events;
            if !events.is_empty() {
                break events;
            }
            tokio::task::yield_now().await;
        }
    });
    let events = events.await.unwrap();
    assert_eq!((events.len(), events[0].position), (1, 1));
    assert_eq!(events[0].r#type, "tenant.organization.created");
    running.app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_call_is_told_so() {
    let running = Running::start().await;
    let provider = running.bootstrap().await;

    let mut console = TenantServiceClient::new(running.channel("console"));
    let status = console.bootstrap(BootstrapRequest::default()).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::PeerNotAllowed));

    let request = || GetOrganizationRequest { organization_id: provider.id.clone() };
    let status = console.get_organization(request()).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::TokenInvalid));
    let mut service = TenantServiceClient::new(running.channel("mfa"));
    let status = service.get_organization(request()).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::PeerNotAllowed));

    let mut facts = OrganizationFactsServiceClient::new(running.channel("console"));
    let status = facts.resolve_organization(ResolveOrganizationRequest::default()).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::PeerNotAllowed));
    running.app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_identity_nobody_is_let_in() {
    let running = Running::start().await;
    let provider = running.bootstrap().await;
    let mut request = Request::new(GetOrganizationRequest { organization_id: provider.id });
    // Well-formed, of a key that is not known here: identity must be asked.
    let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.e30.c2lnbmF0dXJl";
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let status =
        TenantServiceClient::new(running.channel("console")).get_organization(request).await.unwrap_err();
    assert_eq!(reason_of(&status), Some(Reason::DependencyUnavailable));
    running.app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_follows_nobody() {
    let running = Running::start().await;
    let mut follow = FollowServiceClient::new(running.channel("identity"));
    for log in ["identity", "mfa", "tenant", "", "nonsense"] {
        let request = AwaitAppliedRequest { log: log.into(), position: 1 };
        let status = follow.await_applied(request).await.unwrap_err();
        assert_eq!(reason_of(&status), Some(Reason::InvalidArgument), "{log}");
    }
    running.app.shutdown().await;
}

/// Changes of policy are refused by themselves then (`enforcing.rs`); everything else goes on, in this replica and in all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_not_trusted_is_told_to_operators_and_sends_no_call_away() {
    let running = Running::start().await;
    let mut health = HealthClient::new(running.channel("console"));
    for (shift, ready) in [(0, true), (10, false), (0, true)] {
        running.reference.shift(time::Duration::seconds(shift));
        let status = if ready { "200" } else { "503" };
        let becomes = async {
            loop {
                let (found, report) = running.ops("/readyz").await;
                if found == status && report.contains(&format!(r#""ready":{ready},"serving":true"#)) {
                    break report;
                }
                tokio::task::yield_now().await;
            }
        };
        let report = tokio::time::timeout(Duration::from_secs(20), becomes).await.unwrap();
        assert_eq!(report.contains("away from the service's clock"), !ready, "{report}");
        let (status, report) = running.ops("/servez").await;
        assert_eq!(status, "200", "{report}");
        let request = HealthCheckRequest { service: "countersign.tenant.v1.TenantService".into() };
        assert_eq!(health.check(request).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    running.app.shutdown().await;
}
