//! What goes on beside the service for as long as it runs: following the keyring's directory, and sealing anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fault::Outcome;
use keyring::{KeyId, KeyringError, Offer};
use rpc::Readiness;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Keys, Resealing, Standing};

/// How often the directory is looked at. A key that is met before that is looked for at once.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is asked whether something is sealed under an old key. After a change of the primary key it is asked at once.
const ASK: Duration = Duration::from_secs(30);
/// After a round that left everything where it was: another replica is at it, or it does not open, or dies by itself soon.
const REST: Duration = Duration::from_secs(60);

impl Keys {
    /// Keeps the keys as they must be, until it is dropped; ends when they cannot be used. Opens the service once they are
    /// known to fit.
    pub(crate) async fn keep(self, readiness: Readiness) {
        let mut told = Told::default();
        let mut ask = Instant::now();
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let standing = self.standing.borrow().clone();
            match standing {
                Standing::Refused(_) => return,
                Standing::Unknown => drop(self.check_again().await),
                Standing::Usable => {
                    readiness.open();
                    if self.follow(&mut told).await {
                        ask = Instant::now();
                    }
                    if ask <= Instant::now() {
                        ask = Instant::now() + self.reseal(&mut told).await;
                    }
                }
            }
        }
    }

    /// Uses what the directory holds now, if it differs and fits; whether it is another primary key.
    async fn follow(&self, told: &mut Told) -> bool {
        let keyring = Arc::clone(&self.keyring);
        let read = match tokio::task::spawn_blocking(move || keyring.reread()).await {
            Ok(read) => read,
            Err(_) => return false,
        };
        match self.used(read).await {
            Ok(is_other) => {
                told.refused = None;
                is_other
            }
            Err(why) => {
                if told.refused.as_ref() != Some(&why) {
                    tracing::error!(
                        why,
                        "the keyring's directory cannot be used as it is now; the keys in use stay"
                    );
                    told.refused = Some(why);
                }
                false
            }
        }
    }

    async fn used(&self, read: Result<Offer, KeyringError>) -> Result<bool, String> {
        let offer = read.map_err(|error| error.to_string())?;
        let (present, offered) = (self.keyring.check_values(), offer.check_values());
        if present == offered && self.keyring.primary() == *offer.primary() {
            return Ok(false);
        }
        let judged = self.judge(&offered).await.map_err(|fault| format!("{fault}: {:?}", fault.cause()))?;
        judged.map_err(|refused| refused.to_string())?;
        let taken = self.keyring.take(&offer);
        for id in &taken.added {
            tracing::info!(key_id = %id, "a key was added");
        }
        if let Some(id) = &taken.primary {
            tracing::info!(key_id = %id, "another key is primary");
        }
        // Nothing is sealed under them, or the ring would not have fitted.
        for id in present.keys().filter(|id| !offered.contains_key(*id)) {
            self.keyring.forget(id);
            tracing::info!(key_id = %id, "a key was removed");
        }
        Ok(taken.primary.is_some())
    }

    /// Seals anew what is sealed under another key than the primary; when to ask again.
    async fn reseal(&self, told: &mut Told) -> Duration {
        match self.reseal_once(told).await {
            Ok(Round { left: 0, .. }) => ASK,
            Ok(Round { resealed: 0, .. }) => REST,
            Ok(_) => LOOK,
            Err(fault) => {
                tracing::warn!(%fault, cause = ?fault.cause(), "secrets could not be sealed anew");
                ASK
            }
        }
    }

    async fn reseal_once(&self, told: &mut Told) -> Outcome<Round> {
        let in_use = self.in_use().await?;
        let (primary, held) = (self.keyring.primary(), self.keyring.key_ids());
        let unheld = in_use.keys().filter(|id| !held.iter().any(|held| held.as_str() == *id));
        let unheld: BTreeSet<String> = unheld.cloned().collect();
        for id in unheld.difference(&told.unheld) {
            tracing::error!(key_id = id, "ALARM: secrets name a key that this service does not hold");
        }
        told.unheld = unheld;
        let mut round = Round::default();
        for old in held.into_iter().filter(|id| *id != primary && in_use.contains_key(id.as_str())) {
            round.left += 1;
            round.resealed += self.give_up(old).await?;
        }
        Ok(round)
    }

    async fn give_up(&self, old: KeyId) -> Outcome<u64> {
        // Where there is no provider yet, there is nobody whose secret it could be.
        let Some(provider) = self.secrets.provider(&self.store).await? else { return Ok(0) };
        let work = Resealing {
            service: self.service,
            store: &self.store,
            keyring: &self.keyring,
            provider,
            old,
            now: self.clock.now(),
        };
        let resealed = self.secrets.reseal(&work).await?;
        if resealed > 0 {
            tracing::info!(key_id = %work.old, resealed, "secrets were sealed anew under the primary key");
        }
        Ok(resealed)
    }
}

/// What one look did.
#[derive(Debug, Default)]
struct Round {
    /// How many old keys were in use before it.
    left: u64,
    resealed: u64,
}

/// What was told already, so that it is told once.
#[derive(Debug, Default)]
struct Told {
    refused: Option<String>,
    unheld: BTreeSet<String>,
}
