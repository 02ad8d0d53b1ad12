//! Message authentication with a key per purpose.

use aws_lc_rs::hmac;

use crate::keyring::{Keyring, Met};
use crate::ring::{KeyId, Purpose, Ring};

/// The proof that a ring member's key saw some bytes for some purpose: HMAC-SHA-256 and the key's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The root key the purpose's key was derived from.
    pub key_id: KeyId,
    /// The HMAC.
    pub mac: [u8; 32],
}

impl Keyring {
    /// Authenticates `bytes` for one purpose under the primary key. Tags of one purpose are worth nothing for another.
    ///
    /// Another key may be primary the next time: who compares tags, instead of verifying them, uses
    /// [`Self::lasting_mac`].
    #[must_use]
    pub fn mac(&self, purpose: &str, bytes: &[u8]) -> Tag {
        let ring = self.ring();
        let primary = ring.primary().clone();
        // The primary key is always in the ring: its constructor sees to it.
        let mac = mac_of(&ring, &primary, purpose, bytes).unwrap_or([0; 32]);
        Tag { key_id: primary, mac }
    }

    /// The same under the oldest key of the ring: for what is derived, not verified - a fingerprint to compare, an id to find
    /// again. A rotation does not change it; retiring that key does, so keep nothing by it for more than minutes.
    ///
    /// The oldest is the one with the lowest number (`k9` before `k10`); among names of operators' own, the first of the
    /// shortest.
    #[must_use]
    pub fn lasting_mac(&self, purpose: &str, bytes: &[u8]) -> Tag {
        let ring = self.ring();
        let by_age = |id: &&KeyId| (id.as_str().len(), id.as_str().to_owned());
        let oldest = ring.ids().min_by_key(by_age).unwrap_or(ring.primary()).clone();
        let mac = mac_of(&ring, &oldest, purpose, bytes).unwrap_or([0; 32]);
        Tag { key_id: oldest, mac }
    }

    /// Whether `tag` is one that a key of this ring made for these bytes and purpose. Takes constant time in the tag.
    #[must_use]
    pub fn verify_mac(&self, purpose: &str, bytes: &[u8], tag: &Tag) -> bool {
        let Some(key) = self.derive(&tag.key_id, Purpose::Mac(purpose), Met::Presented) else { return false };
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes, &tag.mac).is_ok()
    }
}

fn mac_of(ring: &Ring, id: &KeyId, purpose: &str, bytes: &[u8]) -> Option<[u8; 32]> {
    let key = ring.derive(id, Purpose::Mac(purpose))?;
    let mut mac = [0; 32];
    mac.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes).as_ref());
    Some(mac)
}
