//! The ring: keys by id, one of them primary. A ring never changes; [`crate::Keyring`] exchanges it for another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hkdf;
use types::random_bytes;
use zeroize::Zeroizing;

use crate::files::KeyringError;

/// The name of a key: 1 to 32 lower-case letters, digits and hyphens. It is no secret; it leads every sealed value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let is_good = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_good { Ok(Self(text.to_owned())) } else { Err(KeyringError::KeyId { id: text.to_owned() }) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Tells two keys of the same id apart without telling anything else about them: 128 bits that HKDF makes of the key. It
/// may be stored and shown.
pub type CheckValue = [u8; 16];

/// What a key is derived for. A root key is never used itself, so that no two uses share a key.
pub(crate) enum Purpose<'a> {
    /// To wrap data keys under this salt; without one for all that the first version of the envelope wrapped.
    Wrap(&'a [u8]),
    Mac(&'a str),
    Check,
}

/// Keys, one of them primary. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct Ring {
    primary: KeyId,
    keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
}

impl Ring {
    pub(crate) fn of(
        primary: KeyId,
        keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
    ) -> Result<Self, KeyringError> {
        if !keys.contains_key(&primary) {
            return Err(KeyringError::PrimaryMissing { id: primary.to_string() });
        }
        Ok(Self { primary, keys })
    }

    /// A ring of one fresh key.
    pub(crate) fn ephemeral() -> Result<Self, KeyringError> {
        let primary: KeyId = "ephemeral".parse()?;
        let key = random_bytes::<32>().map_err(|_| KeyringError::Generator)?;
        Self::of(primary.clone(), BTreeMap::from([(primary, key)]))
    }

    pub(crate) fn primary(&self) -> &KeyId {
        &self.primary
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    pub(crate) fn holds(&self, id: &KeyId) -> bool {
        self.keys.contains_key(id)
    }

    /// This ring and the keys of `other` that it lacks; its primary key stays.
    pub(crate) fn with_keys_of(&self, other: &Self) -> Self {
        let mut keys = other.keys.clone();
        keys.extend(self.keys.iter().map(|(id, key)| (id.clone(), key.clone())));
        Self { primary: self.primary.clone(), keys }
    }

    /// This ring without a key; the primary key stays.
    pub(crate) fn without(&self, id: &KeyId) -> Self {
        let mut ring = self.clone();
        if *id != ring.primary {
            ring.keys.remove(id);
        }
        ring
    }

    /// # Errors
    /// A key of both has not the same bytes in both.
    pub(crate) fn agree_with(&self, other: &Self) -> Result<(), KeyringError> {
        let differs = |(id, key): (&KeyId, &Zeroizing<[u8; 32]>)| {
            other.keys.get(id).is_some_and(|known| known.as_slice() != key.as_slice()).then(|| id.clone())
        };
        match self.keys.iter().find_map(differs) {
            Some(id) => Err(KeyringError::Changed { id: id.to_string() }),
            None => Ok(()),
        }
    }

    pub(crate) fn check_value(&self, id: &KeyId) -> Option<CheckValue> {
        let derived = self.derive(id, Purpose::Check)?;
        derived.first_chunk().copied()
    }

    /// A key for one purpose, by HKDF-SHA-256 (RFC 5869); `None` when the ring does not hold the root key.
    pub(crate) fn derive(&self, id: &KeyId, purpose: Purpose<'_>) -> Option<Zeroizing<[u8; 32]>> {
        let root = self.keys.get(id)?;
        let (use_of_key, name) = match purpose {
            Purpose::Wrap(salt) => (b"wrap".as_slice(), salt),
            Purpose::Mac(name) => (b"mac".as_slice(), name.as_bytes()),
            Purpose::Check => (b"check".as_slice(), b"".as_slice()),
        };
        let info = [b"countersign keyring v1 ".as_slice(), use_of_key, b" ", name];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(root.as_slice());
        let mut key = Zeroizing::new([0; 32]);
        prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).ok()?;
        Some(key)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ring")
            .field("primary", &self.primary)
            .field("keys", &self.keys.keys().collect::<Vec<_>>())
            .finish()
    }
}
