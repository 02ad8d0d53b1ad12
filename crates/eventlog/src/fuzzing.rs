//! What the fuzz targets reach into. Not part of a normal build, and nothing else may be here.
#![expect(missing_docs, reason = "for tests/fuzz alone")]

use fault::Reason;
use keyring::Keyring;
use prost::Message;
use proto::events::EventFilter;

use crate::cursor::{Bound, Place};
use crate::filter::Filter;
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

/// Whether a filter is accepted, and whether it is the same filter however its types are ordered; none when the bytes are no
/// filter at all.
///
/// # Errors
/// Why it is refused.
pub fn read_filter(bytes: &[u8]) -> Option<Result<bool, Reason>> {
    let wire = EventFilter::decode(bytes).ok()?;
    let mut turned = wire.clone();
    turned.types.reverse();
    let (read, again) = (Filter::parse(wire), Filter::parse(turned));
    Some(read.map_err(|fault| fault.reason()).map(|filter| again.is_ok_and(|again| again == filter)))
}
