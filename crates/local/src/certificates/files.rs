//! Certificate files on disk: their names, and writing them whole.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Error, PeerCertificate};

pub(super) fn paths(directory: &Path, name: &str) -> PeerCertificate {
    PeerCertificate {
        certificate: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    }
}

pub(super) fn create_directory(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(error("create", directory))
}

/// Replaces a file at once: a reader sees the old text or the new one, and never one with wider permissions.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(error("create", path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| file.as_file().sync_all())
        .map_err(error("write", path))?;
    file.persist(path).map(drop).map_err(|failed| error("write", path)(failed.error))
}

/// Reads a file; `None` when there is none or it is no text.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(failed)
            if matches!(failed.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData) =>
        {
            Ok(None)
        }
        Err(failed) => Err(error("read", path)(failed)),
    }
}

fn error(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { verb, path, source }
}
