//! The keyring of a service: a ring that follows its directory.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use crate::files::{self, KeyringError};
use crate::ring::{CheckValue, KeyId, Purpose, Ring};

/// How long an unknown key id must wait after another one before the directory is looked at again: ids come from outside,
/// too, and looking costs.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The keys of one service. Cheap to share behind an `Arc`; keys are wiped when dropped.
///
/// It may change at any moment: [`Self::take`] makes another key primary, and an id that is not known makes it look into
/// its directory at once, because another replica may have been given the key a moment ago. A key is never dropped by
/// looking: [`Self::forget`] does that, when somebody knows that nothing needs it.
pub struct Keyring {
    ring: ArcSwap<Ring>,
    directory: Option<PathBuf>,
    looks: [Mutex<Option<Instant>>; 2],
}

/// Where an unknown key id was met. Each has its own pace of looking, so that callers cannot keep the database's ids waiting.
#[derive(Clone, Copy)]
pub(crate) enum Met {
    /// In what we stored.
    Sealed,
    /// In what a caller brought.
    Presented,
}

/// What the directory holds now, read and not yet in use.
#[derive(Debug)]
pub struct Offer(Ring);

impl Offer {
    /// The key that new writes would use.
    #[must_use]
    pub fn primary(&self) -> &KeyId {
        self.0.primary()
    }

    /// Every key and its check value.
    #[must_use]
    pub fn check_values(&self) -> BTreeMap<KeyId, CheckValue> {
        check_values(&self.0)
    }
}

/// What [`Keyring::take`] changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Keys that are new.
    pub added: Vec<KeyId>,
    /// The new primary key, when it is another one.
    pub primary: Option<KeyId>,
}

impl Keyring {
    /// Loads the ring of a directory. Creates nothing: a missing key must never be replaced by a fresh one, because
    /// what the old one sealed would be lost.
    ///
    /// Files other than `*.key` and `primary`, and hidden ones (Kubernetes keeps its own there), are not looked at.
    ///
    /// # Errors
    /// See [`KeyringError`]; one bad key refuses the whole ring.
    pub fn load(directory: &Path) -> Result<Self, KeyringError> {
        Ok(Self::of(files::load(directory)?, Some(directory.to_owned())))
    }

    /// Makes a ring of one fresh key in a directory, for development and `keys generate`. Files are 0600, a new
    /// directory 0700.
    ///
    /// # Errors
    /// There is one already, or the directory cannot be written.
    pub fn create(directory: &Path) -> Result<Self, KeyringError> {
        files::create(directory)?;
        Self::load(directory)
    }

    /// A ring of one fresh key that lives in this process only, for tests and throw-away systems.
    ///
    /// # Errors
    /// The generator of the operating system is not available.
    pub fn ephemeral() -> Result<Self, KeyringError> {
        Ok(Self::of(Ring::ephemeral()?, None))
    }

    fn of(ring: Ring, directory: Option<PathBuf>) -> Self {
        Self { ring: ArcSwap::from_pointee(ring), directory, looks: Default::default() }
    }

    /// The key that new writes use.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.ring.load().primary().clone()
    }

    /// Every key that still opens.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        self.ring.load().ids().cloned().collect()
    }

    /// Every key and its check value.
    #[must_use]
    pub fn check_values(&self) -> BTreeMap<KeyId, CheckValue> {
        check_values(&self.ring.load())
    }

    /// Reads the directory again. Blocks on the file system.
    ///
    /// # Errors
    /// What it holds cannot be used as a whole, or a key of ours has other bytes there: then nothing changes.
    pub fn reread(&self) -> Result<Offer, KeyringError> {
        let ring = self.ring.load();
        let Some(directory) = &self.directory else { return Ok(Offer(ring.as_ref().clone())) };
        let read = files::load(directory)?;
        read.agree_with(&ring)?;
        Ok(Offer(read))
    }

    /// Uses what [`Self::reread`] found: its new keys, and its primary key. Keys that it lacks stay, and still open.
    pub fn take(&self, offer: &Offer) -> Taken {
        let Offer(read) = offer;
        let before = self.ring.rcu(|ring| read.with_keys_of(ring));
        let added = read.ids().filter(|id| !before.holds(id)).cloned().collect();
        let primary = (read.primary() != before.primary()).then(|| read.primary().clone());
        Taken { added, primary }
    }

    /// Drops a key. The primary key stays, whatever is asked.
    pub fn forget(&self, id: &KeyId) {
        self.ring.rcu(|ring| ring.without(id));
    }

    /// The ring of this moment: what one operation works with.
    pub(crate) fn ring(&self) -> Arc<Ring> {
        self.ring.load_full()
    }

    /// A key for one purpose; one that is not known is looked for in the directory, once a second at most.
    pub(crate) fn derive(&self, id: &KeyId, purpose: Purpose<'_>, met: Met) -> Option<Zeroizing<[u8; 32]>> {
        if !self.ring.load().holds(id) {
            self.look_for(id, met);
        }
        self.ring.load().derive(id, purpose)
    }

    /// Adds the keys that came into the directory since, if `id` is among them. Which key is primary is not changed by this:
    /// an id that somebody presents decides nothing.
    fn look_for(&self, id: &KeyId, met: Met) {
        if !self.may_look(met) {
            return;
        }
        // Three small files; a service that meets a new key has nothing better to do.
        if let Ok(Offer(read)) = self.reread()
            && read.holds(id)
        {
            self.ring.rcu(|ring| ring.with_keys_of(&read));
        }
    }

    fn may_look(&self, met: Met) -> bool {
        let [sealed, presented] = &self.looks;
        let look = match met {
            Met::Sealed => sealed,
            Met::Presented => presented,
        };
        let mut last = look.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < BETWEEN_LOOKS) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }
}

fn check_values(ring: &Ring) -> BTreeMap<KeyId, CheckValue> {
    ring.ids().filter_map(|id| Some((id.clone(), ring.check_value(id)?))).collect()
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("ring", &self.ring.load()).finish_non_exhaustive()
    }
}
