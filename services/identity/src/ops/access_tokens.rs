//! Access tokens: the signing keys, the first one made at first need, and what is signed with them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use access::{Claims, TokenSigner, TokenVerifier, Unverified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use clock::SharedClock;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::{Binding, Keyring};
use store::{Recorded, Store, Unit};
use tokio::sync::Mutex;
use types::{OrganizationPath, ServiceName};
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::domain::opened::AccessToken;
use crate::domain::session::Lifetimes;
use crate::domain::signing_keys::{KeyTimes, signing};
use crate::store::events;
use crate::store::sessions::Standing;
use crate::store::signing_keys::{self, StoredKey};

/// How often at most a token of an unknown key makes somebody look for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Writes the access tokens of one call, made before its unit: the same token each time, however often the unit runs.
pub struct Pen {
    signer: Arc<TokenSigner>,
    issuer: String,
    peer: String,
    token_id: String,
    now: Timestamp,
    lifetimes: Lifetimes,
}

impl Pen {
    /// The token of a session.
    ///
    /// # Errors
    /// INTERNAL.
    pub fn write(&self, standing: &Standing) -> Outcome<AccessToken> {
        let Standing { session, user, .. } = standing;
        let expire_time = session.access_token_expiry(self.now, &self.lifetimes);
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: user.id.to_string(),
            aud: access::AUDIENCE.to_owned(),
            exp: expire_time.unix_timestamp(),
            iat: self.now.unix_timestamp(),
            jti: self.token_id.clone(),
            client_id: self.peer.clone(),
            auth_time: session.auth_time.unix_timestamp(),
            amr: session.methods.amr(),
            sid: session.id.to_string(),
            org: session.organization_id.to_string(),
            role: user.role.to_string(),
        };
        Ok(AccessToken { text: self.signer.sign(&claims)?, expire_time })
    }
}

/// Signs and verifies access tokens with the keys of the database.
pub struct AccessTokens {
    store: Store,
    clock: SharedClock,
    keyring: Arc<Keyring>,
    issuer: String,
    verifier: TokenVerifier,
    signers: RwLock<Vec<(KeyTimes, Arc<TokenSigner>)>>,
    /// When a token of an unknown key last made somebody look.
    looked: Mutex<Option<Instant>>,
}

impl AccessTokens {
    /// Keys are loaded when they are needed. There is none before the first user: the first key is made when it is
    /// needed, so that its event has an organisation to belong to.
    #[must_use]
    pub fn new(store: Store, clock: SharedClock, keyring: Arc<Keyring>, issuer: String) -> Self {
        let verifier = TokenVerifier::new(issuer.clone(), Arc::clone(&clock));
        Self { store, clock, keyring, issuer, verifier, signers: RwLock::default(), looked: Mutex::default() }
    }

    /// What writes a token for a session of somebody at `path`, to be handed to `peer`. The first one ever makes the key, in
    /// the name of their provider.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE; INTERNAL.
    pub async fn pen(&self, path: &OrganizationPath, peer: &str, lifetimes: &Lifetimes) -> Outcome<Pen> {
        Ok(Pen {
            signer: self.signer(&OrganizationPath::root(path.provider_id())).await?,
            issuer: self.issuer.clone(),
            peer: peer.to_owned(),
            token_id: Uuid::now_v7().to_string(),
            now: self.clock.now(),
            lifetimes: *lifetimes,
        })
    }

    /// A token for a session, handed to `peer`.
    ///
    /// # Errors
    /// As [`Self::pen`].
    pub async fn issue(
        &self,
        standing: &Standing,
        peer: &str,
        lifetimes: &Lifetimes,
    ) -> Outcome<AccessToken> {
        self.pen(&standing.organization.path, peer, lifetimes).await?.write(standing)
    }

    /// What a token of ours says; none for anything else. Whether its session lives is another question.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub async fn verify(&self, token: &str) -> Outcome<Option<Claims>> {
        match self.verifier.verify(token) {
            Ok(claims) => Ok(Some(claims)),
            Err(Unverified::Invalid) => Ok(None),
            Err(Unverified::UnknownKey) => {
                self.look_for_keys().await?;
                Ok(self.verifier.verify(token).ok())
            }
        }
    }

    /// Another replica may have made the key a moment ago. Anybody can name a key that nobody made: it is looked for once a
    /// second at most, and callers that come meanwhile wait for the same answer.
    async fn look_for_keys(&self) -> Outcome<()> {
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            self.reload().await?;
            *looked = Some(Instant::now());
        }
        Ok(())
    }

    /// The public keys that are not retired as a JWK Set, from the database: another replica may have made one a moment ago.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE.
    pub async fn jwks(&self) -> Outcome<String> {
        Ok(jwks(&signing_keys::all(&self.store).await?))
    }

    /// The signer, made if there is no key yet.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE; CORRUPT; INTERNAL.
    pub async fn signer(&self, provider: &OrganizationPath) -> Outcome<Arc<TokenSigner>> {
        if let Some(signer) = self.present_signer() {
            return Ok(signer);
        }
        self.reload().await?;
        if self.present_signer().is_none() {
            self.create(provider).await?;
            self.reload().await?;
        }
        self.present_signer().ok_or_else(|| Fault::new(Reason::Internal).with_cause("no signing key"))
    }

    fn present_signer(&self) -> Option<Arc<TokenSigner>> {
        let signers = self.signers.read().unwrap_or_else(PoisonError::into_inner);
        let times: Vec<KeyTimes> = signers.iter().map(|(times, _)| times.clone()).collect();
        let present = signing(&times, self.clock.now())?;
        signers.iter().find(|(times, _)| times == present).map(|(_, signer)| Arc::clone(signer))
    }

    /// Takes over the keys of the database.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE; CORRUPT when a signing key does not open with this keyring: an alarm.
    pub async fn reload(&self) -> Outcome<()> {
        let keys = signing_keys::all(&self.store).await?;
        self.verifier.replace_keys(&jwks(&keys)).map_err(corrupt)?;
        let mut signers = Vec::new();
        for (key, times) in keys.iter().zip(signing_keys::times(&keys)) {
            let private = self.keyring.open(&binding(&key.key_id), &key.sealed).map_err(corrupt)?;
            signers
                .push((times, Arc::new(TokenSigner::new(key.key_id.as_str(), &private).map_err(corrupt)?)));
        }
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = signers;
        Ok(())
    }

    async fn create(&self, provider: &OrganizationPath) -> Outcome<()> {
        let now = self.clock.now();
        let key = self.new_key(now, now)?;
        let creation =
            Creation { act: Act::by_service(ServiceName::Identity, now), provider: provider.clone(), key };
        let created = self
            .store
            .unit("create_signing_key", creation, |unit, creation| Box::pin(create(unit, creation)))
            .await;
        match created {
            // Another replica was first: its key is as good.
            Err(fault) if fault.reason() == Reason::AlreadyBootstrapped => Ok(()),
            other => other,
        }
    }

    /// A new key, which is not stored yet.
    ///
    /// # Errors
    /// INTERNAL.
    pub(super) fn new_key(&self, now: Timestamp, sign_from: Timestamp) -> Outcome<StoredKey> {
        let key_id = Uuid::now_v7().to_string();
        let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(super::no_randomness)?;
        let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(corrupt)?;
        let sealed = self.keyring.seal(&binding(&key_id), private.as_ref()).map_err(super::no_randomness)?;
        let public_key = pair.public_key().as_ref().to_vec();
        Ok(StoredKey { key_id, sealed, public_key, create_time: now, sign_from })
    }
}

struct Creation {
    act: Act,
    provider: OrganizationPath,
    key: StoredKey,
}

async fn create(unit: &mut Unit<'_>, creation: &Creation) -> Outcome<Recorded<()>> {
    if !signing_keys::lock_all(unit).await?.is_empty() {
        return Err(Reason::AlreadyBootstrapped.into());
    }
    signing_keys::insert(unit, &creation.key).await?;
    let draft = events::signing_key_created(
        &creation.act,
        &creation.provider,
        &creation.key.key_id,
        creation.key.sign_from,
    );
    Ok(unit.record(draft).with(()))
}

fn jwks(keys: &[StoredKey]) -> String {
    access::jwks_json(keys.iter().map(|key| (key.key_id.as_str(), key.public_key.as_slice())))
}

/// A signing key's private key for the same place, under the keyring's primary key.
///
/// # Errors
/// CORRUPT; INTERNAL.
pub(super) fn seal_anew(keyring: &Keyring, key_id: &str, sealed: &[u8]) -> Outcome<Vec<u8>> {
    let private = keyring.open(&binding(key_id), sealed).map_err(corrupt)?;
    keyring.seal(&binding(key_id), &private).map_err(super::no_randomness)
}

fn binding(key_id: &str) -> Binding<'_> {
    Binding {
        service: "identity",
        table: "signing_key",
        row: key_id,
        user: "",
        purpose: "sign access tokens",
    }
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(Reason::Corrupt).with_cause(error)
}
