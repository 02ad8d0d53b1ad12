//! Health and reflection.

use fault::Reason;
use rpc::{PeerChannel, ReflectionMode};
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{
    Authority, assert_refused, channel, options, start, start_closed, start_with, tree_client,
};
use crate::tree::Tree;

async fn check(client: &mut HealthClient<PeerChannel>, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    client.check(request).await.map(|answer| answer.into_inner().status())
}

#[tokio::test]
async fn health_follows_readiness_for_every_peer() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut client = HealthClient::new(channel(server.address, &authority.files("billing")));
    for service in ["", "countersign.tenant.v1.TenantService"] {
        assert_eq!(check(&mut client, service).await.unwrap(), ServingStatus::Serving);
    }
    assert_refused(
        &check(&mut client, "countersign.mfa.v1.FactorService").await.unwrap_err(),
        Reason::NotFound,
    );
    let mut watch = client.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner();
    let status = |frame: Option<HealthCheckResponse>| frame.unwrap().status();
    assert_eq!(status(watch.message().await.unwrap()), ServingStatus::Serving);
    server.readiness.set(false);
    assert_eq!(status(watch.message().await.unwrap()), ServingStatus::NotServing);
    assert_eq!(check(&mut client, "").await.unwrap(), ServingStatus::NotServing);
    server.readiness.set(true);
    assert_eq!(status(watch.message().await.unwrap()), ServingStatus::Serving);
    server.stop().await;
}

#[tokio::test]
async fn a_service_that_is_not_open_yet_says_so_and_does_nothing() {
    let authority = Authority::new();
    let server = start_closed(&authority).await;
    let mut tenants = tree_client(server.address, &authority.files("operator"));
    let bootstrap = || proto::tenant::BootstrapRequest::default();
    assert_refused(&tenants.bootstrap(bootstrap()).await.unwrap_err(), Reason::NotReady);
    let mut client = HealthClient::new(channel(server.address, &authority.files("billing")));
    assert_eq!(check(&mut client, "").await.unwrap(), ServingStatus::NotServing);
    services_v1(channel(server.address, &authority.files("operator"))).await.unwrap();
    server.readiness.open();
    tenants.bootstrap(bootstrap()).await.unwrap();
    server.stop().await;
}

async fn services_v1(channel: PeerChannel) -> Result<Vec<String>, Status> {
    use v1::server_reflection_client::ServerReflectionClient;
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::iter([request]);
    let mut answers =
        ServerReflectionClient::new(channel).server_reflection_info(requests).await?.into_inner();
    let answer = answers.message().await?.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    Ok(list.service.into_iter().map(|service| service.name).collect())
}

async fn services_v1alpha(channel: PeerChannel) -> Result<Vec<String>, Status> {
    use v1alpha::server_reflection_client::ServerReflectionClient;
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::iter([request]);
    let mut answers =
        ServerReflectionClient::new(channel).server_reflection_info(requests).await?.into_inner();
    let answer = answers.message().await?.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    Ok(list.service.into_iter().map(|service| service.name).collect())
}

#[tokio::test]
async fn reflection_is_for_whom_the_installation_says() {
    let authority = Authority::new();
    for (mode, console, operator) in [
        (ReflectionMode::Off, Some(Reason::MethodUnknown), Some(Reason::MethodUnknown)),
        (ReflectionMode::Operators, Some(Reason::PeerNotAllowed), None),
        (ReflectionMode::On, None, None),
    ] {
        let mut options = options(authority.files("tenant"));
        options.reflection = mode;
        let server = start_with(options, Tree::default()).await;
        for (peer, expected) in [("console", console), ("operator", operator)] {
            let channel = channel(server.address, &authority.files(peer));
            let (v1, v1alpha) = (services_v1(channel.clone()).await, services_v1alpha(channel).await);
            match expected {
                Some(reason) => {
                    assert_refused(&v1.unwrap_err(), reason);
                    assert_refused(&v1alpha.unwrap_err(), reason);
                }
                None => {
                    for services in [v1.unwrap(), v1alpha.unwrap()] {
                        assert!(services.contains(&"countersign.tenant.v1.TenantService".to_owned()));
                        assert!(services.contains(&"grpc.health.v1.Health".to_owned()));
                        assert!(!services.iter().any(|name| name.contains("mfa")), "{services:?}");
                    }
                }
            }
        }
        server.stop().await;
    }
}
