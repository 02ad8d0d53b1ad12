//! Statuses that are not ours become ours.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use crate::draining::{Draining, EndsByItself};
use crate::server::body::Answer;
use crate::server::step::{Next, Request, Response, Step};
use crate::status::{Stage, rewritten};

pub(in crate::server) struct RewriteStatus {
    pub(in crate::server) draining: CancellationToken,
}

#[async_trait]
impl Step for RewriteStatus {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        request.extensions_mut().insert(Draining::of(self.draining.clone()));
        let response = next.run(request).await;
        let draining = match response.extensions().get::<EndsByItself>() {
            Some(EndsByItself) => CancellationToken::new(),
            None => self.draining.clone(),
        };
        match Status::from_header_map(response.headers()) {
            Some(status) if status.code() != tonic::Code::Ok => rewritten(status, Stage::Headers).into_http(),
            Some(_) => response,
            None => response.map(|body| Body::new(Answer::new(body, draining))),
        }
    }
}
