//! The peer in a certificate that has been verified.

use access::Peer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Whom a certificate names: the one URI among its names, if it is a SPIFFE id of our trust domain.
///
/// A SPIFFE certificate has exactly one URI (X509-SVID §2); with two it would be ours to choose who the peer is.
pub(crate) fn peer_of(certificate: &[u8], trust_domain: &str) -> Option<Peer> {
    Peer::parse_spiffe(&uri_of(certificate)?, trust_domain)
}

/// The trust domain of a certificate's SPIFFE id.
pub(crate) fn trust_domain_of(certificate: &[u8]) -> Option<String> {
    let uri = uri_of(certificate)?;
    let (trust_domain, _) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    Some(trust_domain.to_owned())
}

/// When a certificate begins and ends to be valid, in seconds since 1970; none for what is no certificate.
pub(crate) fn validity_of(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

fn uri_of(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => Some(uri.to_owned()),
        _ => None,
    }
}
