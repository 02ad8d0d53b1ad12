//! What the fuzz targets reach into. Not part of a normal build, and nothing else may be here.
#![expect(missing_docs, reason = "for tests/fuzz alone")]

use keyring::Keyring;

use crate::cursor::{Bound, Place};
use crate::leaf::LeafHash;

fn bound() -> Bound {
    Bound::for_fuzzing()
}

#[must_use]
pub fn cursor(keyring: &Keyring) -> String {
    bound().cursor(keyring, Place { epoch: 1, position: 42, leaf_hash: LeafHash::default() })
}

#[must_use]
pub fn reads_cursor(keyring: &Keyring, text: &str) -> bool {
    bound().read_cursor(keyring, text).is_ok()
}

#[must_use]
pub fn page_token(keyring: &Keyring) -> String {
    bound().page_token(keyring, 1, 42)
}

#[must_use]
pub fn reads_page_token(keyring: &Keyring, text: &str) -> bool {
    bound().read_page_token(keyring, 1, text).is_ok()
}
