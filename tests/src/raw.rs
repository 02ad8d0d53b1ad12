//! Calls by method and bytes, as any row of the access table can be called without a client that knows it.

use access::{Peer, Rule};
use proto::events::Event;
use testkit::{TestSystem, Witnessed};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};

/// The services by the order of [`TestSystem::channels_of`].
pub const SERVICES: [&str; 3] = [Peer::TENANT, Peer::IDENTITY, Peer::MFA];

/// Which services serve a row: the one in the package's name, or each for itself.
#[must_use]
pub fn served_by(rule: &Rule) -> Vec<usize> {
    let package = |name: &str| rule.method.starts_with(&format!("/countersign.{name}."));
    match SERVICES.iter().position(|name| package(name)) {
        Some(service) => vec![service],
        None => vec![0, 1, 2],
    }
}

/// One peer's connections.
#[derive(Debug, Clone)]
pub struct Caller {
    channels: [Witnessed; 3],
}

impl Caller {
    /// With a peer's certificate.
    #[must_use]
    pub fn with_certificate(system: &TestSystem, peer: &str) -> Self {
        Self { channels: system.channels_of(0, peer) }
    }

    /// Calls a method of one of the [`SERVICES`]; the first message of the answer.
    ///
    /// # Errors
    /// The call's.
    pub async fn call(
        &self,
        service: usize,
        method: &'static str,
        message: Vec<u8>,
        access_token: Option<&str>,
    ) -> Result<Vec<u8>, Status> {
        let mut client = Grpc::new(self.channels[service].clone());
        client.ready().await?;
        let mut request = Request::new(message);
        if let Some(token) = access_token {
            let value = format!("Bearer {token}").parse().expect("a token is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        // On the wire a call with one answer is a stream of one.
        let answer = client.server_streaming(request, PathAndQuery::from_static(method), Bytes).await?;
        let mut stream = answer.into_inner();
        let first = stream.message().await?.ok_or_else(|| Status::internal("an empty answer"))?;
        if !is_stream(method) {
            assert_eq!(stream.message().await?, None, "{method} answers once");
        }
        Ok(first)
    }
}

/// Whether a method's answer goes on.
fn is_stream(method: &str) -> bool {
    ["/WatchEvents", "/Watch", "/ServerReflectionInfo"].iter().any(|end| method.ends_with(end))
}

/// The reason of a refusal, or its whole status where it has none of ours.
#[must_use]
pub fn reason_of(status: &Status) -> String {
    rpc::reason_of(status).map_or_else(|| format!("{status:?}"), |reason| reason.to_string())
}

/// An event without what must differ between two calls: its id, place, time and trace.
#[must_use]
pub fn without_ids_and_times(event: &Event) -> Event {
    Event {
        id: String::new(),
        position: 0,
        record_time: None,
        trace_id: String::new(),
        request_id: String::new(),
        ..event.clone()
    }
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; bytes::Buf::remaining(buffer)];
        bytes::Buf::copy_to_slice(buffer, &mut message);
        Ok(Some(message))
    }
}
