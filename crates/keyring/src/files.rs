//! Keys in a directory, such as a mounted Kubernetes Secret: `<id>.key` files of 32 bytes in base64, and a file
//! `primary` that names the key new writes use.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use types::random_bytes;
use zeroize::Zeroizing;

use crate::ring::{KeyId, Ring};

pub(crate) const PRIMARY: &str = "primary";
const EXTENSION: &str = "key";
/// The id of the first key of a ring that [`create`] makes.
const FIRST: &str = "k1";
/// The user that may give files away.
const ROOT: u32 = 0;

/// Why there is no keyring. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file or the directory cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        error: io::Error,
    },
    /// A name that no key may have.
    #[error("{id:?} is no key id: 1 to 32 lower-case letters, digits and hyphens")]
    KeyId {
        /// The name.
        id: String,
    },
    /// A key file does not hold 32 bytes in base64.
    #[error("{path} does not hold 32 bytes in base64")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// Two files hold the same key.
    #[error("the keys {first} and {second} are the same")]
    Duplicate {
        /// One key.
        first: String,
        /// The other.
        second: String,
    },
    /// The primary key is not in the ring.
    #[error("the primary key {id} is missing")]
    PrimaryMissing {
        /// What `primary` names.
        id: String,
    },
    /// A key's file holds other bytes than before. What the key sealed would not open any more.
    #[error("the key {id} is another one than before")]
    Changed {
        /// The key.
        id: String,
    },
    /// There is a keyring already.
    #[error("{path} holds a keyring already")]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// Somebody else is changing the directory.
    #[error("{path} is being changed by somebody else")]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// A key cannot be removed, or another one not be made primary.
    #[error("the key {id} is {state}")]
    State {
        /// The key.
        id: String,
        /// What it is, and therefore not something else.
        state: &'static str,
    },
    /// The generator of the operating system is not available.
    #[error("no randomness is available")]
    Generator,
}

/// Reads the ring of a directory.
pub(crate) fn load(directory: &Path) -> Result<Ring, KeyringError> {
    let primary = read_id(&directory.join(PRIMARY))?;
    let mut keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>> = BTreeMap::new();
    let entries = fs::read_dir(directory).map_err(|error| io_error(directory, error))?;
    for entry in entries {
        let path = entry.map_err(|error| io_error(directory, error))?.path();
        let Some(id) = key_file(&path)? else { continue };
        let key = parse(&path, &read(&path)?)?;
        if let Some((other, _)) = keys.iter().find(|(_, known)| known.as_slice() == key.as_slice()) {
            return Err(KeyringError::Duplicate { first: other.to_string(), second: id.to_string() });
        }
        keys.insert(id, key);
    }
    Ring::of(primary, keys)
}

/// Makes a ring of one fresh key in a directory that holds none.
pub(crate) fn create(directory: &Path) -> Result<(), KeyringError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| io_error(directory, error))?;
    let entries = fs::read_dir(directory).map_err(|error| io_error(directory, error))?;
    for entry in entries {
        let path = entry.map_err(|error| io_error(directory, error))?.path();
        let is_key = path.extension().is_some_and(|extension| extension == EXTENSION);
        if is_key || path.file_name().is_some_and(|name| name == PRIMARY) {
            return Err(KeyringError::Exists { path: directory.to_owned() });
        }
    }
    let first = FIRST.parse()?;
    write_key(directory, &first)?;
    // Last, so that a ring that was not finished does not load.
    write_id(directory, PRIMARY, &first)
}

/// Where a key of this id lies.
pub(crate) fn key_path(directory: &Path, id: &KeyId) -> PathBuf {
    directory.join(format!("{id}.{EXTENSION}"))
}

/// Writes a fresh key, which must not be there yet.
pub(crate) fn write_key(directory: &Path, id: &KeyId) -> Result<(), KeyringError> {
    let path = key_path(directory, id);
    if path.exists() {
        return Err(KeyringError::State { id: id.to_string(), state: "there already" });
    }
    let key = random_bytes::<32>().map_err(|_| KeyringError::Generator)?;
    let text = Zeroizing::new(BASE64.encode(key.as_slice()));
    replace(directory, &path, text.as_bytes())
}

/// Writes a file that names a key, or exchanges it.
pub(crate) fn write_id(directory: &Path, name: &str, id: &KeyId) -> Result<(), KeyringError> {
    replace(directory, &directory.join(name), id.as_str().as_bytes())
}

/// The key that a file names.
pub(crate) fn read_id(path: &Path) -> Result<KeyId, KeyringError> {
    read(path)?.trim().parse()
}

/// The id of a key file; `None` for what is no key file.
fn key_file(path: &Path) -> Result<Option<KeyId>, KeyringError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.strip_suffix(".key") {
        Some(id) if !name.starts_with('.') => id.parse().map(Some),
        _ => Ok(None),
    }
}

fn parse(path: &Path, text: &str) -> Result<Zeroizing<[u8; 32]>, KeyringError> {
    let not_a_key = || KeyringError::NotAKey { path: path.to_owned() };
    let bytes = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).map_err(|_| not_a_key())?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return Err(not_a_key());
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyringError> {
    fs::read_to_string(path).map(Zeroizing::new).map_err(|error| io_error(path, error))
}

/// Writes a file, whole or not at all, and durably: a key that sealed something must outlive the machine's next fall.
fn replace(directory: &Path, path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let draft = directory.join(format!(".{name}.new"));
    let written = forget_draft(&draft)
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft))
        .and_then(|mut file| {
            give(&file, directory)?;
            file.write_all(bytes)?;
            file.write_all(b"\n")?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| io_error(path, error))?;
    sync(directory)
}

/// A file to lock: nothing is ever written to it.
pub(crate) fn open_lock(directory: &Path, path: &Path) -> io::Result<File> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => give(&file, directory).map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::open(path),
        Err(error) => Err(error),
    }
}

/// Removes what a writer that was cut off has left. What is there is never written through: in a directory of somebody else's, it
/// could be a link that leads anywhere.
fn forget_draft(draft: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives a fresh file to whom the directory belongs: the service, which must read what root writes for it. Only root can give
/// files away; anybody else's stay theirs.
fn give(file: &File, directory: &Path) -> io::Result<()> {
    let (mine, theirs) = (file.metadata()?.uid(), fs::metadata(directory)?);
    if mine == ROOT && theirs.uid() != ROOT {
        fchown(file, Some(theirs.uid()), Some(theirs.gid()))
    } else {
        Ok(())
    }
}

/// Makes renames and removals in a directory durable.
pub(crate) fn sync(directory: &Path) -> Result<(), KeyringError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| io_error(directory, error))
}

pub(crate) fn io_error(path: &Path, error: io::Error) -> KeyringError {
    KeyringError::Io { path: path.to_owned(), error }
}
