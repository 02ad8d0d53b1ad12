//! What the fuzz targets reach into. Not part of a normal build, and nothing else may be here.
#![expect(missing_docs, reason = "for tests/fuzz alone")]

use types::{Login, OrganizationName};

use crate::domain::{TotpSecret, draw, provisioning_uri};

#[must_use]
pub fn provisioning_uri_of(issuer: &OrganizationName, account: &Login) -> String {
    TotpSecret::from_bytes(&[7; 20])
        .map(|secret| provisioning_uri(issuer, account, &secret).to_string())
        .unwrap_or_default()
}

#[must_use]
pub fn fits_a_qr_code(uri: &str) -> bool {
    draw(uri).is_ok()
}
