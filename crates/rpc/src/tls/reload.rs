//! A configuration that follows its files.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::files::Material;
use super::{TlsError, TlsFiles};

type Build<C> = Box<dyn Fn(&TlsFiles, &Material) -> Result<C, TlsError> + Send + Sync>;

/// A TLS configuration made of files, and made again when they change. Whatever is already connected stays connected.
pub(crate) struct Reloading<C> {
    files: TlsFiles,
    build: Build<C>,
    current: ArcSwap<C>,
    /// When the certificate in use begins and ends to be valid.
    validity: ArcSwap<(i64, i64)>,
    /// What was last read, whether it could be used or not, so that one broken set of files is reported once.
    seen: Mutex<Material>,
}

impl<C> Reloading<C> {
    pub(crate) fn load(
        files: TlsFiles,
        build: impl Fn(&TlsFiles, &Material) -> Result<C, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let material = Material::read(&files)?;
        let current = ArcSwap::from_pointee(build(&files, &material)?);
        let validity = ArcSwap::from_pointee(validity(&files, &material));
        Ok(Self { files, build: Box::new(build), current, validity, seen: Mutex::new(material) })
    }

    pub(crate) fn current(&self) -> Arc<C> {
        self.current.load_full()
    }

    /// When the certificate in use begins and ends to be valid, in seconds since 1970.
    pub(crate) fn validity(&self) -> (i64, i64) {
        **self.validity.load()
    }

    /// Reads the files again. Broken ones leave the configuration as it is and are reported once. Blocks on the file system.
    pub(crate) fn refresh(&self) {
        let material = match Material::read(&self.files) {
            Ok(material) => material,
            Err(error) => {
                tracing::warn!(%error, "certificates cannot be read; the earlier ones stay in use");
                return;
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == material {
            return;
        }
        match (self.build)(&self.files, &material) {
            Ok(config) => {
                self.current.store(Arc::new(config));
                self.validity.store(Arc::new(validity(&self.files, &material)));
                tracing::info!("certificates replaced");
            }
            // Half a rotation looks like this, too: the next look finds the rest.
            Err(error) => {
                tracing::error!(%error, "new certificates cannot be used; the earlier ones stay in use");
            }
        }
        *seen = material;
    }
}

/// What cannot be read is not called valid.
fn validity(files: &TlsFiles, material: &Material) -> (i64, i64) {
    material.validity(files).unwrap_or_default()
}

impl<C> std::fmt::Debug for Reloading<C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use local::certificates::DevCa;

    use super::*;
    use crate::tls::server_config;

    #[test]
    fn good_files_are_taken_and_broken_ones_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let ca = DevCa::load_or_create(directory.path()).unwrap();
        let issued = ca.issue("tenant").unwrap();
        let files =
            TlsFiles { ca: ca.certificate(), cert: issued.certificate.clone(), key: issued.key.clone() };
        let config = Reloading::load(files.clone(), server_config).unwrap();
        let stays = |first: &Arc<_>| {
            config.refresh();
            Arc::ptr_eq(first, &config.current())
        };
        let first = config.current();
        assert!(stays(&first), "nothing changed");
        let whole = std::fs::read(&files.cert).unwrap();
        std::fs::write(&files.cert, "rubbish").unwrap();
        assert!(stays(&first), "rubbish");
        std::fs::remove_file(&files.cert).unwrap();
        assert!(stays(&first), "missing");
        // Half a rotation: the new certificate with the old key.
        let other = ca.issue("mfa").unwrap();
        std::fs::copy(&other.certificate, &files.cert).unwrap();
        assert!(stays(&first), "key and certificate differ");
        std::fs::copy(&other.key, &files.key).unwrap();
        assert!(!stays(&first), "the other half");
        assert!(config.validity().0 < config.validity().1);
        let second = config.current();
        std::fs::write(&files.cert, whole).unwrap();
        assert!(stays(&second), "half of the way back");
    }
}
