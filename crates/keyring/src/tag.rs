//! Message authentication with a key per purpose.

use aws_lc_rs::hmac;

use crate::ring::{KeyId, Keyring, Purpose};

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
    #[must_use]
    pub fn mac(&self, purpose: &str, bytes: &[u8]) -> Tag {
        let mut mac = [0; 32];
        // The primary key is always in the ring: its constructor sees to it.
        if let Some(key) = self.derive(self.primary(), Purpose::Mac(purpose)) {
            mac.copy_from_slice(
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes).as_ref(),
            );
        }
        Tag { key_id: self.primary().clone(), mac }
    }

    /// Whether `tag` is one that a key of this ring made for these bytes and purpose. Takes constant time in the tag.
    #[must_use]
    pub fn verify_mac(&self, purpose: &str, bytes: &[u8], tag: &Tag) -> bool {
        let Some(key) = self.derive(&tag.key_id, Purpose::Mac(purpose)) else { return false };
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes, &tag.mac).is_ok()
    }
}
