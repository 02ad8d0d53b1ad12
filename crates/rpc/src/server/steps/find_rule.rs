//! The row of the access table.

use access::Rule;
use async_trait::async_trait;
use fault::Reason;

use crate::server::ReflectionMode;
use crate::server::reflection::is_reflection;
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct FindRule {
    pub(in crate::server) served: &'static [&'static str],
    pub(in crate::server) reflection: ReflectionMode,
}

impl FindRule {
    /// The rule of a method that this server serves. What another service serves is as unknown here as what does not exist.
    fn find(&self, path: &str) -> Option<&'static Rule> {
        let rule = access::rule(path)?;
        let (service, _) = rule.method.strip_prefix('/')?.split_once('/')?;
        let is_served = match service {
            "grpc.health.v1.Health" => true,
            _ if is_reflection(path) => self.reflection != ReflectionMode::Off,
            _ => self.served.contains(&service),
        };
        is_served.then_some(rule)
    }
}

#[async_trait]
impl Step for FindRule {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        let Some(rule) = self.find(request.uri().path()) else { return refuse(Reason::MethodUnknown) };
        request.extensions_mut().insert(rule);
        next.run(request).await
    }
}
