//! Whatever goes wrong, the caller gets a reason of ours and no word of anybody else's.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use fault::Reason;
use http::{HeaderMap, Method, Request};
use http_body::Frame;
use proto::events::WatchEventsRequest;
use proto::events::event_log_service_client::EventLogServiceClient;
use rpc::Limits;
use tokio::sync::Notify;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt as _;

use crate::support::{
    Authority, Running, assert_refused, channel, get, options, start, start_with, tree_client, with_bearer,
};
use crate::tree::Tree;

const GET: &str = "/countersign.tenant.v1.TenantService/GetOrganization";

/// One request message, framed as gRPC does.
fn framed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap());
    bytes.put_slice(message);
    bytes.freeze()
}

struct Once(Option<Bytes>);

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Status>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A request as no generated client would send it.
fn raw(path: &str, body: Bytes) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", "Bearer admin")
        .body(Body::new(Once(Some(body))))
        .unwrap()
}

async fn refused(server: &Running, authority: &Authority, request: Request<Body>) -> Status {
    let channel = channel(server.address, &authority.files("operator"));
    let response = channel.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    Status::from_header_map(response.headers()).expect("an answer of headers only")
}

#[tokio::test]
async fn what_cannot_be_read_is_the_callers_mistake() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let malformed: [(&str, Bytes); 6] = [
        ("no protobuf", framed(&[0xff, 0xff, 0xff])),
        ("no UTF-8 in a string", framed(&[0x0a, 0x02, 0xc3, 0x28])),
        ("a length past the end", framed(&[0x0a, 0x7f, 0x00])),
        ("no message", Bytes::new()),
        ("a message cut short", Bytes::from_static(&[0, 0, 0, 0, 9, 1])),
        ("a compressed message", Bytes::from_static(&[1, 0, 0, 0, 0])),
    ];
    for (what, body) in malformed {
        let status = refused(&server, &authority, raw(GET, body)).await;
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{what}: {status:?}");
        assert_refused(&status, Reason::MalformedRequest);
    }
    server.stop().await;
}

#[tokio::test]
async fn headers_that_make_no_sense_are_the_callers_mistake() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let with = |name: &'static str, value: &'static str| {
        let mut request = raw(GET, framed(&[]));
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (request, reason) in [
        (with("grpc-timeout", "soon"), Reason::InvalidArgument),
        (with("grpc-timeout", "-1S"), Reason::InvalidArgument),
        (with("grpc-encoding", "gzip"), Reason::MalformedRequest),
        (with("content-type", "text/html"), Reason::MalformedRequest),
        (with("authorization", "Basic YTpi"), Reason::TokenInvalid),
    ] {
        assert_refused(&refused(&server, &authority, request).await, reason);
    }
    let mut request = raw(GET, framed(&[]));
    *request.method_mut() = Method::PUT;
    assert_refused(&refused(&server, &authority, request).await, Reason::MalformedRequest);
    server.stop().await;
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_read() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let limit = Limits::default().message;
    let mut client = tree_client(server.address, &authority.files("console"));
    assert!(client.get_organization(get(&"x".repeat(limit - 16), "admin")).await.is_ok());
    let status = client.get_organization(get(&"x".repeat(limit + 1), "admin")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_refused(&status, Reason::TooLarge);
    // Only announced, never sent.
    let announced = Bytes::from_static(&[0, 0x7f, 0xff, 0xff, 0xff, 0]);
    assert_refused(&refused(&server, &authority, raw(GET, announced)).await, Reason::TooLarge);

    let mut request = raw(GET, framed(&[]));
    let value = "x".repeat(Limits::default().metadata);
    request.headers_mut().insert("x-long", value.parse().unwrap());
    assert_refused(&refused(&server, &authority, request).await, Reason::TooLarge);
    server.stop().await;
}

#[tokio::test]
async fn unknown_methods_are_unimplemented() {
    let authority = Authority::new();
    let server = start(&authority).await;
    for path in [
        "/countersign.tenant.v1.TenantService/Nothing",
        "/countersign.tenant.v1.Nothing/GetOrganization",
        // Another service's, which is not served here.
        "/countersign.mfa.v1.EnforcementService/EnforceMfa",
        "/countersign.tenant.v1.TenantService/GetOrganization/",
        "/",
        "/grpc.reflection.v1.ServerReflection/Nothing",
    ] {
        let status = refused(&server, &authority, raw(path, framed(&[]))).await;
        assert_eq!(status.code(), tonic::Code::Unimplemented, "{path}");
        assert_refused(&status, Reason::MethodUnknown);
    }
    server.stop().await;
}

#[tokio::test]
async fn defects_are_internal_and_say_nothing() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut client = tree_client(server.address, &authority.files("console"));
    for trick in ["panic", "internal", "foreign"] {
        let status = client.get_organization(get(trick, "admin")).await.unwrap_err();
        assert_refused(&status, Reason::Internal);
    }
    // The connection and the others on it live.
    assert!(client.get_organization(get("caller", "admin")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_fails_ends_with_a_reason() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut log = EventLogServiceClient::new(channel(server.address, &authority.files("mfa")));
    for (cursor, reason) in
        [("ours", Reason::CursorOutdated), ("foreign", Reason::Internal), ("panic", Reason::Internal)]
    {
        let request = WatchEventsRequest { cursor: cursor.to_owned(), filter: None };
        let mut frames = log.watch_events(request).await.unwrap().into_inner();
        // The frame before a panic may be lost with it: tonic had not sent it yet.
        let first = frames.message().await;
        let ended = if first.is_ok() { frames.message().await } else { first };
        assert_refused(&ended.unwrap_err(), reason);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_cap_ends_a_call_and_spares_a_stream() {
    let authority = Authority::new();
    let mut options = options(authority.files("tenant"));
    options.limits.request_time = Duration::from_millis(100);
    let server = start_with(options, Tree::default()).await;
    let mut log = EventLogServiceClient::new(channel(server.address, &authority.files("mfa")));
    let mut frames = log.watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
    let mut client = tree_client(server.address, &authority.files("console"));
    let status = client.get_organization(get("wait", "admin")).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert_refused(&status, Reason::DeadlineExceeded);
    assert!(frames.message().await.unwrap().is_some());
    // Longer than the cap, and still open.
    assert!(tokio::time::timeout(Duration::from_millis(200), frames.message()).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn the_nearer_deadline_counts() {
    let authority = Authority::new();
    let server = start(&authority).await;
    for (header, range) in [("10S", 5_000..=10_000), ("2H", 25_000..=30_000)] {
        let mut request = raw(GET, framed(&[0x0a, 4, b't', b'i', b'm', b'e']));
        request.headers_mut().insert("grpc-timeout", header.parse().unwrap());
        let channel = channel(server.address, &authority.files("operator"));
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let mut typed = get("time", "admin");
        typed.metadata_mut().insert("grpc-timeout", header.parse().unwrap());
        let codec = tonic_prost::ProstCodec::<_, proto::tenant::GetOrganizationResponse>::default();
        let answer = client.unary(typed, GET.parse().unwrap(), codec).await.unwrap().into_inner();
        let time: u128 = answer.organization.unwrap().name.parse().unwrap();
        assert!(range.contains(&time), "{header}: {time}");
    }
    // The deadline that has passed already.
    let mut request = raw(GET, framed(&[0x0a, 4, b'w', b'a', b'i', b't']));
    request.headers_mut().insert("grpc-timeout", "30m".parse().unwrap());
    let answer = channel(server.address, &authority.files("operator")).oneshot(request).await;
    let status = answer
        .map(|response| Status::from_header_map(response.headers()).unwrap())
        .unwrap_or_else(|status| status);
    assert!(
        [Some(Reason::DeadlineExceeded), Some(Reason::DependencyUnavailable)]
            .contains(&rpc::reason_of(&status)),
        "{status:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_stream_under_way_at_shutdown_ends_with_not_ready() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut log = EventLogServiceClient::new(channel(server.address, &authority.files("mfa")));
    let request = with_bearer(WatchEventsRequest::default(), "");
    let mut frames = log.watch_events(request).await.unwrap().into_inner();
    assert!(frames.message().await.unwrap().is_some());
    let begun = std::time::Instant::now();
    let (ended, ()) = tokio::join!(frames.message(), server.stop());
    assert_refused(&ended.unwrap_err(), Reason::NotReady);
    assert!(begun.elapsed() < Limits::default().shutdown_grace);
}

#[tokio::test]
async fn what_a_caller_who_went_away_has_left_is_done_before_a_server_has_stopped() {
    let authority = Authority::new();
    let left_work = Arc::new(Notify::new());
    let tree = Tree { left_work: Arc::clone(&left_work), ..Tree::default() };
    let server = start_with(options(authority.files("tenant")), tree).await;
    let mut client = tree_client(server.address, &authority.files("operator"));
    let mut request = get("leave", "admin");
    request.set_timeout(Duration::from_millis(200));
    assert_refused(&client.get_organization(request).await.unwrap_err(), Reason::DeadlineExceeded);
    drop(client);
    let mut stopping = pin!(server.stop());
    let early = tokio::time::timeout(Duration::from_millis(300), stopping.as_mut()).await;
    assert!(early.is_err(), "the server has stopped, and what was left with it");
    left_work.notify_one();
    stopping.await;
}

#[tokio::test]
async fn every_header_of_an_error_is_grpcs() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let channel = channel(server.address, &authority.files("operator"));
    let response = channel.oneshot(raw("/nothing", framed(&[]))).await.unwrap();
    let names: Vec<&str> = response.headers().keys().map(http::HeaderName::as_str).collect();
    let expected = ["content-type", "grpc-status", "grpc-message", "grpc-status-details-bin"];
    let headers: &HeaderMap = response.headers();
    assert!(expected.iter().all(|name| headers.contains_key(*name)), "{names:?}");
    assert!(
        names.iter().all(|name| expected.contains(name) || ["date", "content-length"].contains(name)),
        "{names:?}"
    );
    server.stop().await;
}
