//! Sizes and forms that are refused unread.

use async_trait::async_trait;
use fault::{Fault, Reason};
use http::header::{CONTENT_TYPE, HeaderMap};
use tonic::body::Body;

use crate::server::body::Guarded;
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct Limit {
    pub(in crate::server) metadata: usize,
    pub(in crate::server) message: usize,
}

#[async_trait]
impl Step for Limit {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        let size: usize =
            request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        if size > self.metadata {
            return refuse(Reason::TooLarge);
        }
        if let Err(message) = check_form(request.method(), request.headers()) {
            return refuse(Fault::new(Reason::MalformedRequest).with_message(message));
        }
        next.run(request.map(|body| Body::new(Guarded::new(body, self.message)))).await
    }
}

fn check_form(method: &http::Method, headers: &HeaderMap) -> Result<(), &'static str> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    if method != http::Method::POST || !content_type.starts_with(b"application/grpc") {
        return Err("not a gRPC request");
    }
    match headers.get("grpc-encoding") {
        Some(encoding) if encoding != "identity" => Err("compressed messages are not accepted"),
        _ => Ok(()),
    }
}
