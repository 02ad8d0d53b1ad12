//! What a certificate on disk is good for. Anything that cannot be read is as good as absent.

use rcgen::{KeyPair, PublicKeyData};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::{Pem, parse_x509_pem};
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Error, PeerCertificate, files};

/// A certificate that can be parsed, with the key that fits it.
pub(super) struct Stored {
    pem: Pem,
    key: KeyPair,
}

impl Stored {
    /// Loads the pair; `None` when a part is missing, damaged, or they do not belong together.
    pub(super) fn load(path: &PeerCertificate) -> Result<Option<Self>, Error> {
        let (Some(certificate), Some(key)) = (files::read(&path.certificate)?, files::read(&path.key)?)
        else {
            return Ok(None);
        };
        let (Ok((_, pem)), Ok(key)) = (parse_x509_pem(certificate.as_bytes()), KeyPair::from_pem(&key))
        else {
            return Ok(None);
        };
        let fits = pem.parse_x509().is_ok_and(|x509| x509.public_key().raw == key.subject_public_key_info());
        Ok(fits.then_some(Self { pem, key }))
    }

    pub(super) fn into_key(self) -> KeyPair {
        self.key
    }

    /// Whether it is still valid at that time.
    pub(super) fn lasts(&self, until: OffsetDateTime) -> bool {
        self.check(|x509| x509.validity().not_after.to_datetime() > until)
    }

    /// Whether it may sign others, and is signed by itself.
    pub(super) fn is_authority(&self) -> bool {
        self.check(|x509| x509.is_ca() && x509.verify_signature(None).is_ok())
    }

    /// Whether this URI is among its names.
    pub(super) fn has_uri(&self, uri: &str) -> bool {
        self.check(|x509| match x509.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.contains(&GeneralName::URI(uri)),
            _ => false,
        })
    }

    /// Whether this authority's key signed it.
    pub(super) fn is_issued_by(&self, authority: &KeyPair) -> bool {
        let key = authority.subject_public_key_info();
        self.check(|x509| {
            use x509_parser::prelude::FromDer;
            let Ok((_, key)) = SubjectPublicKeyInfo::from_der(&key) else { return false };
            x509.verify_signature(Some(&key)).is_ok()
        })
    }

    fn check(&self, test: impl FnOnce(&X509Certificate<'_>) -> bool) -> bool {
        self.pem.parse_x509().is_ok_and(|x509| test(&x509))
    }
}
