//! Changing a keyring's directory: what a rotation does to it, one step at a time.
//!
//! Every step leaves a directory that loads and opens all that it opened before. A rotation that was cut off is taken up
//! again from what lies there: the file `next` names the key that is to become primary.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Keyring;
use crate::files::{self, KeyringError, PRIMARY, io_error, key_path};
use crate::ring::KeyId;

const NEXT: &str = "next";
/// Hidden, so that nobody takes it for a part of the ring.
const LOCK: &str = ".lock";

/// A keyring's directory in the hands of whoever changes it. Held by one at a time.
#[derive(Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    _lock: File,
}

impl KeyDirectory {
    /// Takes a directory that holds a keyring, until this is dropped.
    ///
    /// # Errors
    /// There is none, it cannot be used, or somebody else changes it at this moment.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        files::load(path)?;
        let lock = path.join(LOCK);
        let file = files::open_lock(path, &lock).map_err(|error| io_error(&lock, error))?;
        file.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => KeyringError::Busy { path: path.to_owned() },
            fs::TryLockError::Error(error) => io_error(&lock, error),
        })?;
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// The ring as it is now.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn keyring(&self) -> Result<Keyring, KeyringError> {
        Keyring::load(&self.path)
    }

    /// The key that is to become primary, where a rotation is under way.
    ///
    /// # Errors
    /// The file cannot be read, or names no key.
    pub fn next(&self) -> Result<Option<KeyId>, KeyringError> {
        next(&self.path)
    }

    /// Makes a fresh key that is to become primary, and is not yet. Where a rotation is under way, its key.
    ///
    /// # Errors
    /// The directory cannot be written, or there is no randomness.
    pub fn begin(&self) -> Result<KeyId, KeyringError> {
        let id = match self.next()? {
            Some(id) => id,
            None => {
                let id = following(&self.keyring()?)?;
                // The intent first: cut off here, the same key is made the next time.
                files::write_id(&self.path, NEXT, &id)?;
                id
            }
        };
        if !key_path(&self.path, &id).exists() {
            files::write_key(&self.path, &id)?;
        }
        Ok(id)
    }

    /// Makes the key of [`Self::begin`] primary. **Before that, every replica must hold it**: one that does not cannot open
    /// what the others seal from now on.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn promote(&self) -> Result<(), KeyringError> {
        let Some(id) = self.next()? else { return Ok(()) };
        if !key_path(&self.path, &id).exists() {
            return Err(KeyringError::State { id: id.to_string(), state: "not there yet" });
        }
        files::write_id(&self.path, PRIMARY, &id)?;
        let path = self.path.join(NEXT);
        fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        files::sync(&self.path)
    }

    /// Removes a key. **Nothing may be sealed under it**: that would never open again.
    ///
    /// # Errors
    /// It is the primary key or is to become it; the directory cannot be written.
    pub fn remove(&self, id: &KeyId) -> Result<(), KeyringError> {
        if self.keyring()?.primary() == *id {
            return Err(KeyringError::State { id: id.to_string(), state: "the primary key" });
        }
        if self.next()?.as_ref() == Some(id) {
            return Err(KeyringError::State { id: id.to_string(), state: "to become the primary key" });
        }
        let path = key_path(&self.path, id);
        fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        files::sync(&self.path)
    }
}

/// The key that is to become primary in a directory, where a rotation is under way there.
///
/// # Errors
/// The file cannot be read, or names no key.
pub fn next(directory: &Path) -> Result<Option<KeyId>, KeyringError> {
    let path = directory.join(NEXT);
    if path.exists() { files::read_id(&path).map(Some) } else { Ok(None) }
}

/// The id of the next key: `k` and a number above those of all that are there. An id is never given twice while anything
/// may still bear it: that of the primary key, the highest ever given, is there for good.
fn following(keyring: &Keyring) -> Result<KeyId, KeyringError> {
    let number = |id: &KeyId| id.as_str().strip_prefix('k').and_then(|digits| digits.parse::<u32>().ok());
    let highest = keyring.key_ids().iter().filter_map(number).max().unwrap_or(0);
    format!("k{}", highest.saturating_add(1)).parse()
}
