//! The peer against the row.

use async_trait::async_trait;
use fault::{Outcome, Reason};

use super::{caller_of, rule_of};
use crate::server::ReflectionMode;
use crate::server::reflection::is_reflection;
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct AdmitPeer {
    pub(in crate::server) reflection: ReflectionMode,
}

impl AdmitPeer {
    fn admit(&self, request: &Request) -> Outcome<()> {
        let (rule, caller) = (rule_of(request)?, caller_of(request)?);
        let is_open = self.reflection == ReflectionMode::On && is_reflection(rule.method);
        if is_open || rule.admits_peer(caller.peer.as_str()) {
            Ok(())
        } else {
            Err(Reason::PeerNotAllowed.into())
        }
    }
}

#[async_trait]
impl Step for AdmitPeer {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        match self.admit(&request) {
            Ok(()) => next.run(request).await,
            Err(fault) => refuse(fault),
        }
    }
}
