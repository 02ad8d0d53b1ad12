//! Where things lie in a data directory.

use std::path::{Path, PathBuf};

use types::ServiceName;

/// A data directory; an absolute path.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The private PostgreSQL.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// The development CA and the peers' certificates.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    pub(crate) fn ca_certificate(&self) -> PathBuf {
        self.certificates().join("ca.crt")
    }

    pub(crate) fn certificate(&self, peer: &str) -> PathBuf {
        self.certificates().join(format!("{peer}.crt"))
    }

    pub(crate) fn key(&self, peer: &str) -> PathBuf {
        self.certificates().join(format!("{peer}.key"))
    }

    pub(crate) fn keyring(&self, service: ServiceName) -> PathBuf {
        self.root.join("keyring").join(service.as_str())
    }

    /// Process ids, one file a process.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn pid_file(&self, name: &str) -> PathBuf {
        self.run().join(format!("{name}.pid"))
    }

    /// The services' logs, one file a process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// The contract for scripts.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.root.join("env")
    }

    /// The passwords of the database roles.
    pub(crate) fn database_passwords(&self) -> PathBuf {
        self.root.join("database-passwords.json")
    }

    /// What of the demo tree exists already.
    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("demo.json")
    }

    pub(crate) fn descriptor_set(&self) -> PathBuf {
        self.root.join("descriptor_set.bin")
    }

    /// The last time step used by `token`, one file a login.
    pub(crate) fn last_step(&self, login: &str) -> PathBuf {
        let name: String = login.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        self.root.join("steps").join(name)
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
