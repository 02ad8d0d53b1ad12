//! The ring: keys by id, one of them primary.

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

/// What a key is derived for. A root key is never used itself, so that no two uses share a key.
pub(crate) enum Purpose<'a> {
    Wrap,
    Mac(&'a str),
}

/// The keys of one service. Cheap to share behind an `Arc`; wiped when dropped.
pub struct Keyring {
    primary: KeyId,
    keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
}

impl Keyring {
    /// A ring of one fresh key that lives in this process only, for tests and throw-away systems.
    ///
    /// # Errors
    /// The generator of the operating system is not available.
    pub fn ephemeral() -> Result<Self, KeyringError> {
        let primary: KeyId = "ephemeral".parse()?;
        let key = random_bytes::<32>().map_err(|_| KeyringError::Generator)?;
        Self::of(primary.clone(), BTreeMap::from([(primary, key)]))
    }

    pub(crate) fn of(
        primary: KeyId,
        keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
    ) -> Result<Self, KeyringError> {
        if !keys.contains_key(&primary) {
            return Err(KeyringError::PrimaryMissing { id: primary.to_string() });
        }
        Ok(Self { primary, keys })
    }

    /// The key that new writes use.
    #[must_use]
    pub fn primary(&self) -> &KeyId {
        &self.primary
    }

    /// Every key that still opens.
    pub fn key_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// A key for one purpose, by HKDF-SHA-256 (RFC 5869); `None` when the ring does not hold the root key.
    pub(crate) fn derive(&self, id: &KeyId, purpose: Purpose<'_>) -> Option<Zeroizing<[u8; 32]>> {
        let root = self.keys.get(id)?;
        let (use_of_key, name) = match purpose {
            Purpose::Wrap => (b"wrap".as_slice(), b"".as_slice()),
            Purpose::Mac(name) => (b"mac".as_slice(), name.as_bytes()),
        };
        let info = [b"countersign keyring v1 ".as_slice(), use_of_key, b" ", name];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(root.as_slice());
        let mut key = Zeroizing::new([0; 32]);
        prk.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).ok()?;
        Some(key)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keyring")
            .field("primary", &self.primary)
            .field("keys", &self.keys.keys().collect::<Vec<_>>())
            .finish()
    }
}
