//! What the fuzz targets reach into. Not part of a normal build, and nothing else may be here.
#![expect(missing_docs, reason = "for tests/fuzz alone")]

use types::{Login, OrganizationName, RecoveryCode};

use crate::domain::{RecoveryKey, TotpSecret, draw, provisioning_uri};

pub use crate::rpc::fuzzing::{REQUESTS, read_request};

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

/// Whether a code that was typed is the one that was shown, as it is decided when it is used: by what is kept of both.
#[must_use]
pub fn is_the_shown_code(shown: &RecoveryCode, typed: &RecoveryCode) -> bool {
    RecoveryKey::from_bytes(&[7; 32]).is_some_and(|key| key.hash(shown) == key.hash(typed))
}
