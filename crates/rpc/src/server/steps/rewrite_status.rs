//! Statuses that are not ours become ours.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use crate::server::body::Answer;
use crate::server::step::{Next, Request, Response, Step};
use crate::status::{Stage, rewritten};

pub(in crate::server) struct RewriteStatus {
    pub(in crate::server) draining: CancellationToken,
}

#[async_trait]
impl Step for RewriteStatus {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        let response = next.run(request).await;
        match Status::from_header_map(response.headers()) {
            Some(status) if status.code() != tonic::Code::Ok => rewritten(status, Stage::Headers).into_http(),
            Some(_) => response,
            None => response.map(|body| Body::new(Answer::new(body, self.draining.clone()))),
        }
    }
}
