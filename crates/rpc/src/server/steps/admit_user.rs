//! The user's role and second factor against the row.

use access::{Caller, MfaRule, Rule};
use async_trait::async_trait;
use clock::SharedClock;
use fault::{Fault, Reason};

use super::{caller_of, rule_of};
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct AdmitUser {
    pub(in crate::server) clock: SharedClock,
}

impl AdmitUser {
    fn admit(&self, rule: &Rule, caller: &Caller) -> Result<(), Fault> {
        let Some(user) = &caller.user else {
            // Authentication saw to it; this says it again, where the decision is.
            let needed = rule.needs_user(caller.peer.as_str());
            return if needed { Err(Reason::TokenInvalid.into()) } else { Ok(()) };
        };
        if !rule.admits_role(user.role) {
            return Err(Reason::RoleNotAllowed.into());
        }
        match rule.mfa {
            MfaRule::Fresh if !user.has_fresh_mfa(self.clock.now()) => Err(Reason::MfaStepUpRequired.into()),
            MfaRule::Fresh | MfaRule::NotNeeded => Ok(()),
        }
    }
}

#[async_trait]
impl Step for AdmitUser {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        let admitted = match (rule_of(&request), caller_of(&request)) {
            (Ok(rule), Ok(caller)) => self.admit(rule, &caller),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        match admitted {
            Ok(()) => next.run(request).await,
            Err(fault) => refuse(fault),
        }
    }
}
