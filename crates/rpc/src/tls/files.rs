//! Reading certificate files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::identity::validity_of;
use super::{TlsError, TlsFiles};

/// The bytes of the three files, to be compared and parsed.
#[derive(PartialEq, Eq)]
pub(crate) struct Material {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Material {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self { ca: read(&files.ca)?, cert: read(&files.cert)?, key: read(&files.key)? })
    }

    pub(super) fn authorities(&self, files: &TlsFiles) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(&files.ca, &self.ca)? {
            store.add(certificate)?;
        }
        Ok(store)
    }

    pub(super) fn chain(&self, files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        certificates(&files.cert, &self.cert)
    }

    /// When our own certificate begins and ends to be valid, in seconds since 1970.
    pub(super) fn validity(&self, files: &TlsFiles) -> Option<(i64, i64)> {
        self.chain(files).ok()?.first().and_then(|own| validity_of(own))
    }

    pub(super) fn key(&self, files: &TlsFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| unusable(&files.key, "private key"))
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unusable(path, "certificate"))?;
    if found.is_empty() { Err(unusable(path, "certificate")) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn unusable(path: &Path, what: &'static str) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), what }
}
