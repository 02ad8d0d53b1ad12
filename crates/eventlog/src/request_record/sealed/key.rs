//! What an answer is sealed with, and what is inside.

use std::sync::Arc;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::sha256;
use keyring::{Binding, CallerKey, Keyring, OpenError, SealError};
use prost::Message;
use time::Duration;
use types::{EventId, RequestId, ServiceName};
use zeroize::Zeroizing;

use super::{Kept, UnreadableAnswer};
use crate::request_record::{self, KEPT};

/// What is sealed: version, whether the caller's key is needed, expiry, generation, fingerprint; then the answer.
const VERSION: u8 = 1;
const HEAD: usize = 2 + 8 + 8 + 32;
const TABLE: &str = "request_record";
const PURPOSE: &str = "kept_answer";

/// A mutation whose answer holds a secret, as its caller names it, and what its answer is sealed with.
#[derive(Debug, Clone)]
pub struct Key {
    pub(super) key: request_record::Key,
    keyring: Arc<Keyring>,
    service: ServiceName,
    user: String,
    secret: Option<Arc<CallerKey>>,
    pub(super) kept: Duration,
}

impl Key {
    /// `scope` is whose answer it is: a user's, session's or sign-in's id, or a peer's name where there is none of them.
    #[must_use]
    pub fn new(
        keyring: &Arc<Keyring>,
        service: ServiceName,
        scope: impl Into<String>,
        method: &'static str,
        request_id: RequestId,
        request: &impl Message,
    ) -> Self {
        let encoded = Zeroizing::new(request.encode_to_vec());
        let fingerprint = sha256(&encoded).to_vec();
        let key =
            request_record::Key { scope: scope.into(), method, request_id: request_id.uuid(), fingerprint };
        Self { key, keyring: Arc::clone(keyring), service, user: String::new(), secret: None, kept: KEPT }
    }

    /// The same, bound to the user it is about.
    #[must_use]
    pub fn of_user(mut self, user: impl ToString) -> Self {
        self.user = user.to_string();
        self
    }

    /// The same, its answer readable only with a secret that the caller holds and nobody stores: its token, or a key made from
    /// one. Whoever comes with another secret has made another request.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: the secret has fewer than 16 bytes.
    pub fn with_secret(mut self, secret: &[u8]) -> Outcome<Self> {
        let key = CallerKey::derive(secret)
            .map_err(|error| Fault::new(Reason::InvalidArgument).with_cause(error))?;
        self.secret = Some(Arc::new(key));
        Ok(self)
    }

    /// The same, its answer kept for a shorter time than [`KEPT`].
    #[must_use]
    pub fn kept_for(mut self, time: Duration) -> Self {
        self.kept = time.min(KEPT);
        self
    }

    fn row(&self) -> String {
        format!("{} {} {}", self.key.request_id, self.key.method, self.key.scope)
    }

    pub(super) fn seal(&self, expire_time: Timestamp, generation: i64, answer: &[u8]) -> Outcome<Vec<u8>> {
        let row = self.row();
        let binding = self.binding(&row);
        let mut plain = Zeroizing::new(Vec::with_capacity(HEAD + answer.len() + 64));
        plain.extend_from_slice(&[VERSION, u8::from(self.secret.is_some())]);
        plain.extend_from_slice(&micros(expire_time).to_be_bytes());
        plain.extend_from_slice(&generation.to_be_bytes());
        plain.extend_from_slice(&self.key.fingerprint);
        match &self.secret {
            Some(secret) => plain.extend_from_slice(&secret.seal(&binding, answer).map_err(no_randomness)?),
            None => plain.extend_from_slice(answer),
        }
        self.keyring.seal(&binding, &plain).map_err(no_randomness)
    }

    /// What was sealed for this key; `None` when it is dead.
    pub(super) fn open(&self, event_id: EventId, sealed: &[u8], now: Timestamp) -> Outcome<Option<Kept>> {
        let row = self.row();
        let binding = self.binding(&row);
        let alarm = |cause| self.alarm(cause, sealed);
        let plain = self.keyring.open(&binding, sealed).map_err(alarm)?;
        let head = Head::of(&plain).ok_or_else(|| alarm(OpenError::Malformed))?;
        if head.expires <= micros(now) {
            return Ok(None);
        }
        if head.fingerprint != self.key.fingerprint || head.needs_secret != self.secret.is_some() {
            return Err(Reason::RequestIdReused.into());
        }
        let answer = match &self.secret {
            None => Zeroizing::new(head.answer.to_vec()),
            // The keyring vouches for the bytes: what does not open now came with another secret.
            Some(secret) => secret
                .open(&binding, head.answer)
                .map_err(|error| Fault::new(Reason::RequestIdReused).with_cause(error))?,
        };
        Ok(Some(Kept { event_id, generation: head.generation, answer }))
    }

    pub(super) fn alarm(&self, cause: OpenError, sealed: &[u8]) -> Fault {
        let row = self.row();
        tracing::error!(table = TABLE, row, %cause, "ALARM: a sealed answer does not open");
        let key_id = Keyring::sealed_under(sealed).map(|id| id.to_string()).unwrap_or_default();
        Fault::new(Reason::Corrupt).with_cause(UnreadableAnswer { row, cause, key_id })
    }

    fn binding<'a>(&'a self, row: &'a str) -> Binding<'a> {
        Binding { service: self.service.as_str(), table: TABLE, row, user: &self.user, purpose: PURPOSE }
    }
}

struct Head<'a> {
    needs_secret: bool,
    expires: i64,
    generation: i64,
    fingerprint: &'a [u8],
    answer: &'a [u8],
}

impl<'a> Head<'a> {
    fn of(plain: &'a [u8]) -> Option<Self> {
        let [VERSION, needs_secret, rest @ ..] = plain else { return None };
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (fingerprint, answer) = rest.split_first_chunk::<32>()?;
        Some(Self {
            needs_secret: *needs_secret != 0,
            expires: i64::from_be_bytes(*expires),
            generation: i64::from_be_bytes(*generation),
            fingerprint,
            answer,
        })
    }
}

/// As exact as the database keeps it.
fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

fn no_randomness(error: SealError) -> Fault {
    Fault::new(Reason::Internal).with_cause(error)
}
