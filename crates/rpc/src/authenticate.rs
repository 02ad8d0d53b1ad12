//! Authentication by identity: the token is verified here, and whether its session lives is asked there, every time.

use std::time::Duration;

use access::{Authenticator, Claims, SignedIn, TokenVerifier, Unverified};
use async_trait::async_trait;
use clock::SharedClock;
use fault::{Fault, Outcome, Reason};
use proto::identity::session_service_client::SessionServiceClient;
use proto::identity::{GetJwksRequest, IntrospectTokenRequest, IntrospectTokenResponse, SessionFacts};
use tokio::sync::Mutex;
use tokio::time::Instant;
use wire::{UserFacts, UserState};

use crate::{PeerChannel, fault_from_status};

/// Keys are fetched at most this often, however many tokens name unknown ones.
const FETCH_EVERY: Duration = Duration::from_secs(1);

/// The [`Authenticator`] of every service but identity.
#[derive(Debug)]
pub struct RemoteAuthenticator {
    identity: PeerChannel,
    verifier: TokenVerifier,
    fetched: Mutex<Option<Instant>>,
}

impl RemoteAuthenticator {
    /// An authenticator that asks identity. `issuer` is what its tokens name as theirs.
    #[must_use]
    pub fn new(identity: PeerChannel, issuer: impl Into<String>, clock: SharedClock) -> Self {
        Self { identity, verifier: TokenVerifier::new(issuer, clock), fetched: Mutex::new(None) }
    }

    async fn verify(&self, bearer: &str) -> Outcome<Claims> {
        match self.verifier.verify(bearer) {
            Ok(claims) => Ok(claims),
            Err(Unverified::Invalid) => Err(Reason::TokenInvalid.into()),
            Err(Unverified::UnknownKey) => {
                self.fetch_keys().await?;
                self.verifier.verify(bearer).map_err(|_| Reason::TokenInvalid.into())
            }
        }
    }

    /// Fetches the keys unless somebody just did; callers that come meanwhile wait for the same answer.
    async fn fetch_keys(&self) -> Outcome<()> {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < FETCH_EVERY) {
            return Ok(());
        }
        let mut client = SessionServiceClient::new(self.identity.clone());
        let answer = client.get_jwks(GetJwksRequest {}).await.map_err(unavailable)?.into_inner();
        self.verifier
            .replace_keys(&answer.jwks_json)
            .map_err(|error| Fault::new(Reason::DependencyUnavailable).with_cause(error))?;
        *fetched = Some(Instant::now());
        Ok(())
    }
}

#[async_trait]
impl Authenticator for RemoteAuthenticator {
    async fn authenticate(&self, bearer: &str) -> Outcome<SignedIn> {
        let claims = self.verify(bearer).await?;
        let request = IntrospectTokenRequest { access_token: bearer.to_owned() };
        let mut client = SessionServiceClient::new(self.identity.clone());
        let answer = client.introspect_token(request).await.map_err(unavailable)?.into_inner();
        if !answer.active {
            return Err(Reason::TokenInvalid.into());
        }
        let user = signed_in(answer)
            .map_err(|fault| Fault::new(Reason::DependencyUnavailable).with_cause(fault))?
            .ok_or(Reason::TokenInvalid)?;
        let is_the_tokens =
            user.user_id.to_string() == claims.sub && user.session_id.to_string() == claims.sid;
        if is_the_tokens { Ok(user) } else { Err(Reason::TokenInvalid.into()) }
    }
}

/// Whatever identity has against us, our caller cannot help it; and without its answer nobody is let in.
fn unavailable(status: tonic::Status) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(fault_from_status(status))
}

/// The user of an answer that says `active`; none when it contradicts itself.
fn signed_in(answer: IntrospectTokenResponse) -> Outcome<Option<SignedIn>> {
    let user = UserFacts::parse(answer.user.as_ref())?;
    let Some(session) = answer.session else { return Ok(None) };
    if user.state != UserState::Active {
        return Ok(None);
    }
    let SessionFacts { session_id, auth_time, amr, mfa_time, generation, expire_time: _ } = session;
    let auth_time = auth_time.ok_or_else(|| Fault::field("session.auth_time", "is required"))?;
    Ok(Some(SignedIn {
        user_id: user.id,
        path: user.path,
        login: user.login,
        role: user.role,
        session_id: wire::id("session.session_id", &session_id)?,
        amr,
        auth_time: wire::timestamp("session.auth_time", &auth_time)?,
        mfa_time: mfa_time.map(|at| wire::timestamp("session.mfa_time", &at)).transpose()?,
        generation,
    }))
}
