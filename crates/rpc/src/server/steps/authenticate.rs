//! The user of the bearer token.

use std::sync::Arc;

use access::{Authenticator, Caller, SignedIn};
use async_trait::async_trait;
use fault::{Fault, Reason};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{caller_of, rule_of};
use crate::Liveness;
use crate::server::step::{Next, Request, Response, Step, refuse};

pub(in crate::server) struct Authenticate {
    pub(in crate::server) authenticator: Arc<dyn Authenticator>,
}

impl Authenticate {
    /// The user, where the row asks for one, and how to ask again; a token that is not asked for is not looked at.
    async fn user(&self, needed: bool, headers: &HeaderMap) -> Result<Option<(SignedIn, Liveness)>, Fault> {
        if !needed {
            return Ok(None);
        }
        let token = bearer(headers).ok_or(Reason::TokenInvalid)?;
        let user = self.authenticator.authenticate(token).await?;
        Ok(Some((user, Liveness::new(Arc::clone(&self.authenticator), token))))
    }
}

#[async_trait]
impl Step for Authenticate {
    async fn call(&self, mut request: Request, next: Next<'_>) -> Response {
        let (rule, caller) = match (rule_of(&request), caller_of(&request)) {
            (Ok(rule), Ok(caller)) => (rule, caller),
            (Err(fault), _) | (_, Err(fault)) => return refuse(fault),
        };
        let needed = rule.needs_user(caller.peer.as_str());
        let user = {
            // Taken out first: a body cannot be shared across the wait.
            let headers = std::mem::take(request.headers_mut());
            let user = self.user(needed, &headers).await;
            *request.headers_mut() = headers;
            user
        };
        // Nobody further in has a use for the token itself, and what is not there cannot be logged.
        request.headers_mut().remove(AUTHORIZATION);
        match user {
            Ok(user) => {
                let (user, liveness) = user.unzip();
                if let Some(liveness) = liveness {
                    request.extensions_mut().insert(liveness);
                }
                request.extensions_mut().insert(Arc::new(Caller { peer: caller.peer.clone(), user }));
                next.run(request).await
            }
            Err(fault) => refuse(fault),
        }
    }
}

/// The token of exactly one `authorization: Bearer <token>` (RFC 6750 §2.1).
pub(in crate::server) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, more) = (values.next()?, values.next());
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (more.is_none() && scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_bearer_token() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc"]).as_deref(), Some("abc"));
        for values in [&[][..], &["abc"], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer b"]] {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
