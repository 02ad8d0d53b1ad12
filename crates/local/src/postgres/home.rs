//! Where a server's files lie, and who may use them.
//!
//! ```text
//! HOME/lock                 held while a process works with this server
//! HOME/superuser-password   0600
//! HOME/postgres.log         what the server wrote
//! HOME/cluster/             PostgreSQL's data directory, closed to everybody but its account
//! ```
//!
//! Run as root, the server runs as another user, and that user may not be able to enter HOME (a clone below
//! `/root`, a private temporary directory). Then `HOME/cluster` is a symbolic link to
//! `/var/lib/countersign-ID/cluster` (or below `/var/tmp`), `HOME/README` says so, and
//! `/var/lib/countersign-ID/origin` names the home it belongs to: so either can be found from the other,
//! a moved home keeps its data, and a copied home does not share it. Nothing there is ever deleted because
//! a home seems to be gone: it may only have moved.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::account::Account;
use super::{Error, Place};

/// Where data may go that the account cannot reach at home, best first.
const ELSEWHERE: [&str; 2] = ["/var/lib", "/var/tmp"];

/// An opened home: nobody else works with it while this lives.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) root: PathBuf,
    /// The data directory's real path, without links.
    pub(crate) cluster: PathBuf,
    pub(crate) account: Account,
    pub(crate) ephemeral: bool,
    /// Held, not used: the kernel lets go of it however this process ends.
    _lock: File,
}

impl Home {
    pub(crate) async fn open(place: &Place) -> Result<Self, Error> {
        let account = Account::choose().await?;
        match place {
            Place::Kept(root) => Self::open_kept(account, root).await,
            Place::Ephemeral => Self::open_ephemeral(account).await,
        }
    }

    async fn open_kept(account: Account, root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(Error::file("create", root))?;
        let root = root.canonicalize().map_err(Error::file("find", root))?;
        let lock = lock(&root)?;
        let (account, cluster) = settle(account, &root).await?;
        Ok(Self { root, cluster, account, ephemeral: false, _lock: lock })
    }

    async fn open_ephemeral(account: Account) -> Result<Self, Error> {
        let mut tried = Vec::new();
        for base in [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()] {
            let mut name = tempfile::Builder::new();
            let Ok(directory) = name.prefix("countersign-postgres-").tempdir_in(&base) else { continue };
            // The account owns all of it, because its watchdog removes all of it.
            account.own(directory.path())?;
            if account.can_use(directory.path()).await {
                let root = directory.path().canonicalize().map_err(Error::file("find", directory.path()))?;
                let cluster = root.join("cluster");
                create_private(&account, &cluster)?;
                let lock = lock(&root)?;
                let _ = directory.keep();
                return Ok(Self { root, cluster, account, ephemeral: true, _lock: lock });
            }
            tried.push(base);
        }
        Err(unreachable(&account, &tried))
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.root.join("superuser-password")
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Removes everything, wherever it lies. The server must have ended.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let elsewhere = self.cluster.parent().filter(|place| origin_of(place).as_ref() == Some(&self.root));
        if let Some(place) = elsewhere {
            remove_tree(place)?;
        }
        remove_tree(&self.root)
    }
}

/// Removes a directory; one that is already gone is as good.
pub(crate) fn remove_tree(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

/// Creates a directory that only the account may enter, or takes the one that is there.
pub(crate) fn create_private(account: &Account, directory: &Path) -> Result<(), Error> {
    if !directory.is_dir() {
        DirBuilder::new().mode(0o700).create(directory).map_err(Error::file("create", directory))?;
    }
    account.own(directory)
}

fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { home: root.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(Error::file("lock", &path)(source)),
    }
}

/// Decides where the data directory lies, and creates it empty where there is none.
async fn settle(account: Account, root: &Path) -> Result<(Account, PathBuf), Error> {
    let at_home = root.join("cluster");
    if let Ok(target) = fs::read_link(&at_home) {
        if belongs_here(root, &target)? {
            return Ok((account.or_owner_of(&target), target));
        }
        fs::remove_file(&at_home).map_err(Error::file("remove", &at_home))?;
    }
    let account = account.or_owner_of(&at_home);
    if at_home.join("PG_VERSION").exists() {
        return match account.can_use(&at_home).await {
            true => Ok((account, at_home)),
            false => Err(unreachable(&account, &[at_home])),
        };
    }
    create_private(&account, &at_home)?;
    if account.can_use(&at_home).await {
        return Ok((account, at_home));
    }
    fs::remove_dir(&at_home).map_err(Error::file("remove", &at_home))?;
    let target = settle_elsewhere(&account, root).await?;
    symlink(&target, &at_home).map_err(Error::file("create", &at_home))?;
    Ok((account, target))
}

async fn settle_elsewhere(account: &Account, root: &Path) -> Result<PathBuf, Error> {
    let mut tried = vec![root.to_path_buf()];
    for base in ELSEWHERE.map(Path::new) {
        warn_of_leftovers(base, root);
        let mut name = tempfile::Builder::new();
        name.prefix("countersign-").permissions(Permissions::from_mode(0o755));
        if let Ok(place) = name.tempdir_in(base) {
            let cluster = place.path().join("cluster");
            create_private(account, &cluster)?;
            if account.can_use(&cluster).await {
                write_notes(root, place.path())?;
                info!(home = %root.display(), data = %cluster.display(), account = account.name(),
                    "PostgreSQL's user cannot enter the data directory: its data lies elsewhere");
                let _ = place.keep();
                return Ok(cluster);
            }
        }
        tried.push(base.to_path_buf());
    }
    Err(unreachable(account, &tried))
}

fn write_notes(root: &Path, place: &Path) -> Result<(), Error> {
    let readme = root.join("README");
    let text = format!(
        "PostgreSQL cannot run as root, and the user it runs as cannot enter this directory.\n\
         Its data therefore lies in {}.\nDelete that directory together with this one.\n",
        place.display()
    );
    fs::write(&readme, text).map_err(Error::file("write", &readme))?;
    let origin = place.join("origin");
    fs::write(&origin, root.as_os_str().as_encoded_bytes()).map_err(Error::file("write", &origin))
}

/// Whether data elsewhere is this home's: made for it, or for a home that has since moved here.
fn belongs_here(root: &Path, target: &Path) -> Result<bool, Error> {
    if !target.is_dir() {
        warn!(data = %target.display(), "the data of this directory is gone: starting afresh");
        return Ok(false);
    }
    // A link without a note was made by a person, who has put the data there.
    let Some((place, origin)) = target.parent().and_then(|place| Some((place, origin_of(place)?))) else {
        return Ok(true);
    };
    if origin == root {
        return Ok(true);
    }
    if fs::read_link(origin.join("cluster")).is_ok_and(|other| other == target) {
        warn!(original = %origin.display(), "this directory is a copy: starting afresh, not sharing its data");
        return Ok(false);
    }
    write_notes(root, place)?;
    Ok(true)
}

fn warn_of_leftovers(base: &Path, root: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with("countersign-");
        if ours && origin_of(&entry.path()).is_some_and(|origin| origin == root) {
            warn!(data = %entry.path().display(), "data of an earlier directory of this name; delete it if unused");
        }
    }
}

fn origin_of(place: &Path) -> Option<PathBuf> {
    fs::read_to_string(place.join("origin")).ok().map(PathBuf::from)
}

fn unreachable(account: &Account, tried: &[PathBuf]) -> Error {
    let tried: Vec<_> = tried.iter().map(|path| path.display().to_string()).collect();
    Error::Unreachable { account: account.name().to_owned(), tried: tried.join(", ") }
}
