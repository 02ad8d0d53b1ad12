//! A service and its keyring: whether the keys fit what is stored, following the keyring's directory, sealing anew after a
//! rotation, and telling how things stand.
//!
//! What is sealed, and where, is the service's to say ([`Secrets`]). No key is ever made here: what does not fit stops the
//! service, and creates nothing.

mod registry;
mod reseal;
mod service;
mod upkeep;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::{SharedClock, Timestamp};
use fault::Outcome;
use keyring::{KeyId, Keyring};
use store::{MigrationSet, Store};
use tokio::sync::watch;
use types::{OrganizationPath, ServiceName};

pub use reseal::{Resealed, Resealing, SealedTable};
pub(crate) use service::key_service;
pub use verdict::KeysRefused;

/// How long a start waits for the database to say whether the keys fit.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many secrets are sealed under each key, by the id that they name. What names none is not among them.
pub type InUse = BTreeMap<String, i64>;

/// What a service has sealed.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// How many secrets are sealed under each key; those that are dead at `now` may be left out.
    ///
    /// # Errors
    /// The database's.
    async fn in_use(&self, store: &Store, now: Timestamp) -> Outcome<InUse>;

    /// Seals anew what is sealed under the key that is being [given up](Resealing::old): [`Resealing::table`] for each table.
    /// Secrets that die by themselves in a while may be left out.
    ///
    /// # Errors
    /// The database's.
    async fn reseal(&self, work: &Resealing<'_>) -> Outcome<u64>;

    /// The provider, whom the events of this belong to; none where nothing can be sealed yet.
    ///
    /// # Errors
    /// The database's.
    async fn provider(&self, store: &Store) -> Outcome<Option<OrganizationPath>>;
}

/// Of a service that seals nothing, and uses its keys for cursors and page tokens alone.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn in_use(&self, _: &Store, _: Timestamp) -> Outcome<InUse> {
        Ok(InUse::new())
    }

    async fn reseal(&self, _: &Resealing<'_>) -> Outcome<u64> {
        Ok(0)
    }

    async fn provider(&self, _: &Store) -> Outcome<Option<OrganizationPath>> {
        Ok(None)
    }
}

/// Whether the keys may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The database has not said yet. Nothing is served.
    Unknown,
    /// They fit.
    Usable,
    /// They do not. The service ends.
    Refused(KeysRefused),
}

/// The keys of a running service.
#[derive(Clone)]
pub(crate) struct Keys {
    service: ServiceName,
    store: Store,
    keyring: Arc<Keyring>,
    clock: SharedClock,
    secrets: Arc<dyn Secrets>,
    standing: watch::Sender<Standing>,
}

impl Keys {
    /// Checks the keys against what is stored. Where the database does not answer in time, that is left to
    /// [`Self::keep`], and nothing may be served until then.
    ///
    /// # Errors
    /// A key is missing, or is not what it was.
    pub(crate) async fn check(
        service: ServiceName,
        store: Store,
        keyring: Arc<Keyring>,
        clock: SharedClock,
        secrets: impl Secrets,
    ) -> Result<Self, KeysRefused> {
        let standing = watch::Sender::new(Standing::Unknown);
        let keys = Self { service, store, keyring, clock, secrets: Arc::new(secrets), standing };
        match tokio::time::timeout(PATIENCE, keys.check_again()).await {
            Ok(Ok(Standing::Refused(refused))) => Err(refused),
            Ok(Ok(_)) => Ok(keys),
            Ok(Err(fault)) => {
                tracing::warn!(%fault, cause = ?fault.cause(), "the keys cannot be checked yet");
                Ok(keys)
            }
            Err(_) => {
                tracing::warn!("the keys cannot be checked yet: the database does not answer in time");
                Ok(keys)
            }
        }
    }

    /// Whether they may be used, and when that changes.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Looks whether they fit what is stored now.
    async fn check_again(&self) -> Outcome<Standing> {
        let judged = self.judge(&self.keyring.check_values()).await?;
        let standing = match judged {
            Ok(()) => Standing::Usable,
            Err(refused) => Standing::Refused(refused),
        };
        self.standing.send_replace(standing.clone());
        Ok(standing)
    }

    /// How many secrets are sealed under each key now.
    async fn in_use(&self) -> Outcome<InUse> {
        self.secrets.in_use(&self.store, self.clock.now()).await
    }

    /// Whether a ring of these keys would fit; if so, what is new in it is remembered.
    async fn judge(&self, ring: &BTreeMap<KeyId, keyring::CheckValue>) -> Outcome<Result<(), KeysRefused>> {
        let in_use = self.in_use().await?;
        let registered = registry::all(&self.store).await?;
        let verdict = match verdict::judge(ring, &registered, &in_use) {
            Ok(verdict) => verdict,
            Err(refused) => return Ok(Err(refused)),
        };
        for id in &verdict.strangers {
            tracing::error!(key_id = id, "ALARM: secrets name a key that this service never held");
        }
        if !verdict.fresh.is_empty() {
            registry::register(&self.store, verdict.fresh, self.clock.now()).await?;
            // Somebody else may have been faster, with another key of the same id.
            if let Err(refused) = verdict::judge(ring, &registry::all(&self.store).await?, &in_use) {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(()))
    }
}

/// What the database needs for this. Run by its owner, after the event log's and before the service's own.
#[must_use]
pub fn migrations() -> MigrationSet {
    MigrationSet {
        history_table: "migration_keyring",
        migrations: embedded::migrations::runner().get_migrations().clone(),
        least: 1,
    }
}

mod embedded {
    refinery::embed_migrations!("migrations");
}
