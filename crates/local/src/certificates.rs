//! A throw-away certificate authority and the peers' certificates, for development and tests.
//!
//! Reading and checking what is on disk is `stored`'s work; this module decides and writes. It never serves
//! production: there certificates come from the platform (cert-manager).

mod files;
mod stored;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::{Duration, OffsetDateTime};
use tracing::info;

use stored::Stored;

/// How long the authority is valid.
const CA_LIFE: Duration = Duration::days(3650);
/// How long a peer's certificate is valid.
const LEAF_LIFE: Duration = Duration::days(90);
/// What has less than this left is issued anew.
const RENEW_BEFORE: Duration = Duration::days(30);
/// Certificates are valid from this long ago: clocks differ.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("could not {verb} {}: {source}", .path.display())]
    File {
        /// What was being done.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A peer name, trust domain or namespace that cannot stand in a SPIFFE id and a file name.
    #[error("{0:?} cannot name a peer: only a-z, 0-9, `-`, `.` and `_` may stand in it")]
    Name(String),
    /// The certificate could not be made.
    #[error("could not make the certificate for {name}: {source}")]
    Making {
        /// Whose certificate.
        name: String,
        /// The library's answer.
        source: rcgen::Error,
    },
}

/// How peers are named: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNaming {
    /// The SPIFFE trust domain.
    pub trust_domain: String,
    /// The namespace, Kubernetes' in production.
    pub namespace: String,
}

impl Default for PeerNaming {
    /// `countersign.local` and `default`.
    fn default() -> Self {
        Self { trust_domain: "countersign.local".to_owned(), namespace: "default".to_owned() }
    }
}

impl PeerNaming {
    /// The SPIFFE id of a peer.
    #[must_use]
    pub fn spiffe_id(&self, peer_name: &str) -> String {
        format!("spiffe://{}/ns/{}/sa/{peer_name}", self.trust_domain, self.namespace)
    }
}

/// Where a peer's certificate and key lie, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key (PKCS #8), readable by its owner only.
    pub key: PathBuf,
}

/// A certificate authority that lives in a directory: `ca.crt` and `ca.key`.
#[derive(Debug)]
pub struct DevCa {
    directory: PathBuf,
    naming: PeerNaming,
    issuer: Issuer<'static, KeyPair>,
}

impl DevCa {
    /// Takes the authority in this directory, with the default [`PeerNaming`]. Creates it when there is none,
    /// when it cannot be read, or when it has less than 30 days left; what an earlier one issued is then
    /// issued anew on its next [`DevCa::issue`].
    ///
    /// # Errors
    /// [`Error::File`] when the directory cannot be read or written.
    pub fn load_or_create(directory: &Path) -> Result<Self, Error> {
        Self::load_or_create_with(directory, PeerNaming::default())
    }

    /// As [`DevCa::load_or_create`], with another naming.
    ///
    /// # Errors
    /// As there, and [`Error::Name`].
    pub fn load_or_create_with(directory: &Path, naming: PeerNaming) -> Result<Self, Error> {
        Self::load_or_create_at(directory, naming, OffsetDateTime::now_utc())
    }

    fn load_or_create_at(directory: &Path, naming: PeerNaming, now: OffsetDateTime) -> Result<Self, Error> {
        check_name(&naming.trust_domain)?;
        check_name(&naming.namespace)?;
        files::create_directory(directory)?;
        let path = files::paths(directory, "ca");
        let stored = Stored::load(&path)?.filter(|ca| ca.is_authority() && ca.lasts(now + RENEW_BEFORE));
        let key = match stored {
            Some(ca) => ca.into_key(),
            None => {
                let key = new_key("the authority")?;
                let certificate = authority_params(now).self_signed(&key).map_err(making("the authority"))?;
                write(&path, &certificate, &key)?;
                info!(directory = %directory.display(), "development certificate authority created");
                key
            }
        };
        // The issuer's name and key identifier follow from these and the key, also for one that was loaded.
        let issuer = Issuer::new(authority_params(now), key);
        Ok(Self { directory: directory.to_path_buf(), naming, issuer })
    }

    /// The authority's certificate, which peers trust.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// How this authority names peers.
    #[must_use]
    pub fn naming(&self) -> &PeerNaming {
        &self.naming
    }

    /// Answers the certificate of a peer, `NAME.crt` and `NAME.key` in the authority's directory: the one
    /// that is there if it is sound, names the same peer, comes from this authority and has 30 days left;
    /// else a new one, for 90 days, for servers and clients.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::File`], [`Error::Making`].
    pub fn issue(&self, peer_name: &str) -> Result<PeerCertificate, Error> {
        self.issue_at(peer_name, OffsetDateTime::now_utc())
    }

    fn issue_at(&self, peer_name: &str, now: OffsetDateTime) -> Result<PeerCertificate, Error> {
        check_name(peer_name)?;
        if peer_name == "ca" {
            return Err(Error::Name(peer_name.to_owned()));
        }
        let path = files::paths(&self.directory, peer_name);
        let id = self.naming.spiffe_id(peer_name);
        let sound = |leaf: &Stored| {
            leaf.lasts(now + RENEW_BEFORE) && leaf.has_uri(&id) && leaf.is_issued_by(self.issuer.key())
        };
        if !Stored::load(&path)?.as_ref().is_some_and(sound) {
            let key = new_key(peer_name)?;
            let params = leaf_params(peer_name, &id, now).map_err(making(peer_name))?;
            let certificate = params.signed_by(&key, &self.issuer).map_err(making(peer_name))?;
            write(&path, &certificate, &key)?;
            info!(peer = peer_name, "development certificate issued");
        }
        Ok(path)
    }
}

fn authority_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Countersign development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + CA_LIFE;
    params
}

fn leaf_params(name: &str, id: &str, now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![
        SanType::DnsName(Ia5String::try_from("localhost")?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        SanType::URI(Ia5String::try_from(id)?),
    ];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + LEAF_LIFE;
    Ok(params)
}

fn new_key(name: &str) -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making(name))
}

/// The key first: should we be cut off in between, the pair does not fit and is made again.
fn write(path: &PeerCertificate, certificate: &Certificate, key: &KeyPair) -> Result<(), Error> {
    files::write(&path.key, &key.serialize_pem(), 0o600)?;
    files::write(&path.certificate, &certificate.pem(), 0o644)
}

fn making(name: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let name = name.to_owned();
    move |source| Error::Making { name, source }
}

fn check_name(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    match name.starts_with('.') || name.is_empty() || name.len() > 63 || !name.bytes().all(allowed) {
        true => Err(Error::Name(name.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
