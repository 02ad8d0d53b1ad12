//! A channel that notes the secrets going over it, and what refusals say.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use data_encoding::{BASE64, BASE64_NOPAD};
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use percent_encoding::percent_decode;
use prost::bytes::Bytes;
use rpc::PeerChannel;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::{Secrets, fields, hearing};

/// Before every message on the wire: whether it is compressed, and its length.
const HEAD: usize = 5;

/// A peer's channel, witnessed; clones share one connection.
#[derive(Debug, Clone)]
pub struct Witnessed {
    inner: PeerChannel,
    secrets: Secrets,
}

impl Witnessed {
    pub(crate) const fn new(inner: PeerChannel, secrets: Secrets) -> Self {
        Self { inner, secrets }
    }
}

impl Service<http::Request<Body>> for Witnessed {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let messages = fields::messages(request.uri().path());
        let [asked, answered] = [0, 1].map(|index| messages.map(|messages| messages[index].as_str()));
        let (secrets, of_answer) = (self.secrets.clone(), self.secrets.clone());
        let request = request.map(|body| Body::new(Watched::new(body, asked, secrets)));
        let call = self.inner.call(request);
        Box::pin(async move {
            let response = call.await.inspect_err(|status| {
                hearing::add("refused", status.message().as_bytes());
                hearing::add("refused", status.details());
            })?;
            hear(response.headers());
            Ok(response.map(|body| Body::new(Watched::new(body, answered, of_answer))))
        })
    }
}

/// Headers and trailers of an answer are never the place of a secret.
fn hear(headers: &HeaderMap) {
    for (name, value) in headers {
        let value = value.as_bytes();
        hearing::add(name.as_str(), value);
        if name.as_str().ends_with("-bin") {
            let decoded = BASE64_NOPAD.decode(value).or_else(|_| BASE64.decode(value)).unwrap_or_default();
            hearing::add(name.as_str(), &decoded);
        } else {
            hearing::add(name.as_str(), &percent_decode(value).collect::<Vec<u8>>());
        }
    }
}

/// A body whose messages are read as they pass.
struct Watched {
    inner: Body,
    message: Option<&'static str>,
    secrets: Secrets,
    unread: Vec<u8>,
}

impl Watched {
    const fn new(inner: Body, message: Option<&'static str>, secrets: Secrets) -> Self {
        Self { inner, message, secrets, unread: Vec::new() }
    }

    fn read(&mut self, data: &[u8]) {
        let Some(message) = self.message else { return };
        self.unread.extend_from_slice(data);
        while let Some((head, rest)) = self.unread.split_first_chunk::<HEAD>() {
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let Some(bytes) = rest.get(..length) else { return };
            fields::read(message, bytes, &self.secrets);
            self.unread.drain(..HEAD + length);
        }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            if let Some(data) = frame.data_ref() {
                let data = data.clone();
                self.read(&data);
            }
            if let Some(trailers) = frame.trailers_ref() {
                hear(trailers);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
