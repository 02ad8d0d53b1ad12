//! Making PostgreSQL's data directory, once, and the password that opens it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use tracing::info;

use super::home::{Home, create_private, remove_tree};
use super::{Binaries, Error};

/// The cluster's superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// The major version that wrote the data; `None` where there is none yet.
pub(crate) fn major(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes the data directory unless it is there, and answers the superuser's password.
///
/// It is made under another name and renamed when complete: an interrupted attempt is never taken for data.
pub(crate) async fn prepare(home: &Home, binaries: &Binaries) -> Result<String, Error> {
    let file = home.password_file();
    if home.cluster.join("PG_VERSION").exists() {
        return match fs::read_to_string(&file) {
            Ok(password) if !password.trim().is_empty() => Ok(password.trim().to_owned()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("read", &file)(error))
            }
            _ => Err(Error::PasswordMissing { password: file, cluster: home.cluster.clone() }),
        };
    }
    let password = random_password()?;
    write_secret(&file, &password)?;
    let fresh = home.cluster.with_extension("new");
    remove_tree(&fresh)?;
    create_private(&home.account, &fresh)?;
    initdb(home, binaries, &fresh, &password).await?;
    fs::rename(&fresh, &home.cluster).map_err(Error::file("move into place", &home.cluster))?;
    info!(data = %home.cluster.display(), major = binaries.major, "PostgreSQL data directory created");
    Ok(password)
}

async fn initdb(home: &Home, binaries: &Binaries, fresh: &Path, password: &str) -> Result<(), Error> {
    // initdb wants the password in a file that its account can read: lent for the moment, beside the data.
    let lent = fresh.with_extension("lent");
    write_secret(&lent, password)?;
    home.account.own(&lent)?;
    let mut command = home.account.command(binaries.program("initdb"));
    command.arg("--pgdata").arg(fresh).arg("--pwfile").arg(&lent);
    command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"]);
    command.arg("--data-checksums").current_dir(fresh);
    if home.ephemeral {
        command.arg("--no-sync");
    }
    let output = command.output().await;
    fs::remove_file(&lent).map_err(Error::file("remove", &lent))?;
    let output = output.map_err(Error::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if text.is_empty() {
        text = output.status.to_string();
    }
    Err(Error::Initdb { output: text })
}

fn random_password() -> Result<String, Error> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("draw a random password")(std::io::Error::other(error)))?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Writes a file that only its owner can read, from its first moment on.
fn write_secret(path: &Path, secret: &str) -> Result<(), Error> {
    let _ = fs::remove_file(path);
    let mut file: File = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::file("create", path))?;
    writeln!(file, "{secret}").and_then(|()| file.sync_all()).map_err(Error::file("write", path))
}
