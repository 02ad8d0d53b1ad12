//! Looks for PostgreSQL on this machine and settles on one, fetching it when there is none.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tracing::debug;

use super::account::Account;
use super::binaries::PROGRAMS;
use super::{Binaries, Candidate, Choice, Error, Origin, choose, download};

/// Finds binaries that this process can run a server with, or downloads some into `cache`.
///
/// `data` is the major version of data that is already there, if any.
///
/// # Errors
/// [`Error::NotFound`] when neither the machine nor the download has any; [`Error::NoAccount`].
pub async fn locate(cache: &Path, data: Option<u32>) -> Result<Binaries, Error> {
    locate_for(&Account::choose().await?, cache, data).await
}

pub(crate) async fn locate_for(
    account: &Account,
    cache: &Path,
    data: Option<u32>,
) -> Result<Binaries, Error> {
    let mut candidates = Vec::new();
    for (origin, directory) in directories(cache).await {
        candidates.push(look_at(account, origin, directory).await);
    }
    match choose(&candidates, data) {
        Choice::Found(binaries) => {
            debug!(directory = %binaries.directory.display(), major = binaries.major, "PostgreSQL found");
            Ok(binaries)
        }
        Choice::Download { requirement, rejected } => {
            let rejected =
                if rejected.is_empty() { "none on this machine".to_owned() } else { rejected.join("; ") };
            let fetched = download::fetch(&requirement, cache).await;
            let directory =
                fetched.map_err(|reason| Error::NotFound { rejected: rejected.clone(), reason })?;
            match choose(&[look_at(account, Origin::Cache, directory).await], data) {
                Choice::Found(binaries) => Ok(binaries),
                Choice::Download { rejected: why, .. } => {
                    Err(Error::NotFound { rejected, reason: why.join("; ") })
                }
            }
        }
    }
}

/// Every directory worth a look, links resolved so that a program's neighbours and its share directory
/// are where PostgreSQL expects them.
async fn directories(cache: &Path) -> Vec<(Origin, PathBuf)> {
    let mut found = Vec::new();
    for entry in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        for program in ["postgres", "initdb"] {
            let path = entry.join(program);
            if path.is_file() {
                let real = path.canonicalize().ok().and_then(|real| real.parent().map(Path::to_path_buf));
                // A wrapper script has no neighbours to be resolved to: then the entry itself is meant.
                let complete = real.filter(|real| PROGRAMS.iter().all(|name| real.join(name).is_file()));
                found.push((Origin::Path, complete.unwrap_or_else(|| entry.clone())));
            }
        }
    }
    if let Some(directory) = pg_config().await {
        found.push((Origin::PgConfig, directory));
    }
    for entry in subdirectories(Path::new("/usr/lib/postgresql")) {
        found.push((Origin::System, entry.join("bin")));
    }
    for entry in subdirectories(cache) {
        found.push((Origin::Cache, entry.join("bin")));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|(_, directory)| directory.is_absolute() && seen.insert(directory.clone()));
    found
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

async fn pg_config() -> Option<PathBuf> {
    let output = Account::Ourselves.command("pg_config").arg("--bindir").output().await.ok()?;
    let directory = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    // Debian ships pg_config with the client library: the directory it names need not exist.
    (output.status.success() && directory.is_dir()).then_some(directory)
}

/// Sees a directory with the eyes of the account that is to run what lies there.
async fn look_at(account: &Account, origin: Origin, directory: PathBuf) -> Candidate {
    let mut missing = Vec::new();
    for program in PROGRAMS {
        let path = directory.join(program);
        let mut test = account.command("test");
        test.arg("-x").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let runnable = path.is_file() && test.status().await.is_ok_and(|status| status.success());
        if !runnable {
            missing.push(program);
        }
    }
    let version = match missing.is_empty() {
        true => account.command(directory.join("postgres")).arg("--version").output().await,
        false => Err(std::io::ErrorKind::NotFound.into()),
    };
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    Candidate { directory, origin, missing, version: version.unwrap_or_default() }
}
