//! Nothing is done before the service is open.

use async_trait::async_trait;
use fault::Reason;

use super::rule_of;
use crate::Readiness;
use crate::server::reflection::is_reflection;
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct WaitForOpening {
    pub(in crate::server) readiness: Readiness,
}

#[async_trait]
impl Step for WaitForOpening {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        if self.readiness.is_open() {
            return next.run(request).await;
        }
        match rule_of(&request) {
            // Who looks after the service may always ask how it is.
            Ok(rule) if rule.method.starts_with("/grpc.health.") || is_reflection(rule.method) => {
                next.run(request).await
            }
            Ok(_) => refuse(Reason::NotReady),
            Err(fault) => refuse(fault),
        }
    }
}
