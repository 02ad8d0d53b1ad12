//! As which user PostgreSQL runs: as ourselves, or, since it refuses root, as somebody unprivileged.
//!
//! Whether that user can use a file is always asked by trying it as that user: permissions, ACLs and
//! mount options are the kernel's business, not ours to work out.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::Error;

/// The account that owns the data directory and runs the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The user we run as.
    Ourselves,
    /// Another one; only root can do this.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// Ourselves, unless we are root: then `postgres` where it exists, else `nobody`.
    pub(crate) async fn choose() -> Result<Self, Error> {
        if id(&["-u"]).await? != Some(0) {
            return Ok(Self::Ourselves);
        }
        for name in ["postgres", "nobody"] {
            let (uid, gid) = (id(&["-u", name]).await?, id(&["-g", name]).await?);
            if let (Some(uid @ 1..), Some(gid)) = (uid, gid) {
                return Ok(Self::Other { name: name.to_owned(), uid, gid });
            }
        }
        Err(Error::NoAccount)
    }

    /// Root works on as the owner of data that is already there, so that whoever made it keeps it.
    pub(crate) fn or_owner_of(self, cluster: &Path) -> Self {
        match (&self, std::fs::metadata(cluster)) {
            (Self::Other { uid, .. }, Ok(data)) if data.uid() != 0 && data.uid() != *uid => {
                Self::Other { name: format!("user {}", data.uid()), uid: data.uid(), gid: data.gid() }
            }
            _ => self,
        }
    }

    /// A command that runs as this account, in a directory everybody can enter, without settings of the
    /// caller's own PostgreSQL (`PGPORT`, `PGDATA`, …), and with English messages.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("PG") {
                command.env_remove(key);
            }
        }
        if let Self::Other { uid, gid, .. } = self {
            // The standard library drops root's supplementary groups along with these.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Hands a file or directory over to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(Error::file("hand over", path))
            }
        }
    }

    /// Whether this account can enter and write the directory.
    pub(crate) async fn can_use(&self, directory: &Path) -> bool {
        let mut command = self.command("sh");
        command.args(["-c", r#"cd "$1" && test -w ."#, "sh"]).arg(directory);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// How to name the account to a person.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ourselves => "you",
            Self::Other { name, .. } => name,
        }
    }
}

/// Asks `id`; `None` when there is no such user.
async fn id(arguments: &[&str]) -> Result<Option<u32>, Error> {
    let output = Command::new("id")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(Error::io("find out the current user with `id`"))?;
    if !output.status.success() {
        return Ok(None);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
