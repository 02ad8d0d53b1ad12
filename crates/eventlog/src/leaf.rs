//! A position's leaf in the log's Merkle tree.
//!
//! The leaf hash is SHA-256 of 0x00 and the leaf record (RFC 6962 §2.1). The record holds a salted commitment to the
//! exact stored bytes and not the bytes: when salt and bytes are erased, every proof stays valid and tells nothing.
//! The sequencer computes the same in SQL; a test holds the two together.

use keyring::digest::sha256_of;
use uuid::Uuid;

/// A leaf hash.
pub type LeafHash = [u8; 32];

/// RFC 6962's prefix of leaves.
const LEAF: u8 = 0;
/// The version of the leaf record: position, event id, commitment.
const RECORD_VERSION: u8 = 1;

/// The commitment to an event's stored bytes. The salt has a fixed length, so no two pairs read the same.
#[must_use]
pub fn commitment(salt: &[u8; 16], envelope: &[u8]) -> [u8; 32] {
    sha256_of(&[salt, envelope])
}

/// The leaf hash of a position.
#[must_use]
pub fn leaf_hash(position: i64, event_id: Uuid, commitment: &[u8; 32]) -> LeafHash {
    sha256_of(&[&[LEAF, RECORD_VERSION], &position.to_be_bytes(), event_id.as_bytes(), commitment])
}
