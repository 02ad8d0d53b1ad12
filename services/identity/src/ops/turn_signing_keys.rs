//! Signing keys follow each other: the next one is made and published, begins to sign, and the one before is retired when its last
//! token has expired. By itself when a key has signed long enough, and whenever an operator says so.

use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use store::{Recorded, Unit};
use time::Duration;
use types::{OrganizationPath, ServiceName};

use super::{Identity, Origin};
use crate::domain::Timestamp;
use crate::domain::signing_keys::{PUBLISHED_AHEAD, is_next_due, spent, waiting};
use crate::store::signing_keys::{self, StoredKey, times};
use crate::store::{events, organizations};

/// A key that is published and signs from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextKey {
    /// Its id.
    pub key_id: String,
    /// When it begins to sign.
    pub sign_from: Timestamp,
}

struct Succession {
    act: Act,
    provider: OrganizationPath,
    key: StoredKey,
    now: Timestamp,
}

struct Retirement {
    act: Act,
    provider: OrganizationPath,
    token_life: Duration,
    now: Timestamp,
}

/// Somebody else was faster, or there is nothing to do.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing to do about the signing keys")]
struct Nothing;

impl Identity {
    /// Makes the next signing key, for an operator. Where one is waiting already, it is that one: asked again, nothing
    /// happens.
    ///
    /// # Errors
    /// NOT_FOUND: there is no key yet that it could follow; CLOCK_NOT_TRUSTED; DEPENDENCY_UNAVAILABLE.
    pub async fn rotate_signing_key(&self, origin: &Origin) -> Outcome<NextKey> {
        self.clock_guard.trusted()?;
        let now = self.clock.now();
        let keys = times(&signing_keys::all(&self.store).await?);
        if keys.is_empty() {
            return Err(Reason::NotFound.into());
        }
        let next = match waiting(&keys, now) {
            Some(key) => NextKey { key_id: key.key_id.clone(), sign_from: key.sign_from },
            None => self.succeed(origin.by_operator(now), now).await?,
        };
        self.tokens.reload().await?;
        Ok(next)
    }

    /// Makes the next key when the present one will have signed for `life`, and retires those whose last token has expired.
    /// Any number of replicas may do so at once. One whose clock is ahead would retire what others sign with: it does nothing.
    ///
    /// # Errors
    /// CLOCK_NOT_TRUSTED; DEPENDENCY_UNAVAILABLE.
    pub async fn turn_signing_keys(&self, life: Duration) -> Outcome<()> {
        self.clock_guard.trusted()?;
        let now = self.clock.now();
        let act = || Act::by_service(ServiceName::Identity, now);
        let keys = times(&signing_keys::all(&self.store).await?);
        if is_next_due(&keys, life, now) {
            self.succeed(act(), now).await?;
        }
        let token_life = self.lifetimes.access_token;
        if spent(&keys, token_life, now).is_empty() {
            return Ok(());
        }
        let retirement = Retirement { act: act(), provider: self.provider().await?, token_life, now };
        let retired = self
            .store
            .unit("retire_signing_keys", retirement, |unit, retirement| Box::pin(retire(unit, retirement)));
        match retired.await {
            Err(fault) if fault.cause().is_some_and(|cause| cause.is::<Nothing>()) => Ok(()),
            retired => retired,
        }
    }

    async fn succeed(&self, act: Act, now: Timestamp) -> Outcome<NextKey> {
        let key = self.tokens.new_key(now, now + PUBLISHED_AHEAD)?;
        let succession = Succession { act, provider: self.provider().await?, key, now };
        let made = self
            .store
            .unit("rotate_signing_key", succession, |unit, succession| Box::pin(succeed(unit, succession)));
        match made.await {
            Err(fault) if fault.cause().is_some_and(|cause| cause.is::<Nothing>()) => {
                // Another replica made it a moment ago.
                let keys = times(&signing_keys::all(&self.store).await?);
                let key = waiting(&keys, now).ok_or(fault)?;
                Ok(NextKey { key_id: key.key_id.clone(), sign_from: key.sign_from })
            }
            made => made,
        }
    }

    /// Whom the events of signing keys belong to.
    async fn provider(&self) -> Outcome<OrganizationPath> {
        let provider = organizations::provider(&self.store).await?;
        provider.ok_or_else(|| {
            Fault::new(Reason::DependencyUnavailable).with_cause("no provider is known here yet")
        })
    }
}

async fn succeed(unit: &mut Unit<'_>, succession: &Succession) -> Outcome<Recorded<NextKey>> {
    let Succession { act, provider, key, now } = succession;
    let keys = times(&signing_keys::lock_all(unit).await?);
    if waiting(&keys, *now).is_some() {
        return Err(Fault::new(Reason::DependencyUnavailable).with_cause(Nothing));
    }
    signing_keys::insert(unit, key).await?;
    let next = NextKey { key_id: key.key_id.clone(), sign_from: key.sign_from };
    Ok(unit.record(events::signing_key_created(act, provider, &key.key_id, key.sign_from)).with(next))
}

async fn retire(unit: &mut Unit<'_>, retirement: &Retirement) -> Outcome<Recorded<()>> {
    let Retirement { act, provider, token_life, now } = retirement;
    let keys = times(&signing_keys::lock_all(unit).await?);
    let mut drafts = Vec::new();
    for key in spent(&keys, *token_life, *now) {
        signing_keys::retire(unit, &key.key_id, *now).await?;
        drafts.push(events::signing_key_retired(act, provider, &key.key_id));
    }
    let receipt = unit.record_all(drafts);
    receipt
        .map(|receipt| receipt.with(()))
        .ok_or_else(|| Fault::new(Reason::DependencyUnavailable).with_cause(Nothing))
}
