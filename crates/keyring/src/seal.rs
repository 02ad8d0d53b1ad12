//! Sealed secrets: an envelope of version, key id, wrapped data key, and the secret under that data key.

use std::str;

use types::random_bytes;
use zeroize::Zeroizing;

use crate::Binding;
use crate::encryption::{KeyEncryption, WrappedKey, decrypt, encrypt};
use crate::keyring::Keyring;
use crate::ring::KeyId;

/// The first version of the envelope.
const VERSION: u8 = 1;
/// A wrapped data key: nonce, 32 bytes, tag.
const WRAPPED_LENGTH: usize = 12 + 32 + 16;

/// A secret could not be sealed: the generator of the operating system is not available. Nothing may be stored then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret could not be sealed")]
pub struct SealError;

/// A secret does not open. This is an alarm and a refusal; it MUST NOT be read as "there is none".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed under a key that the ring does not hold.
    #[error("a secret is sealed under the unknown key {key_id}")]
    UnknownKey {
        /// The key's id.
        key_id: String,
    },
    /// It is not what was sealed for this place: altered, or moved from elsewhere.
    #[error("a sealed secret is not authentic")]
    NotAuthentic,
    /// It is no envelope of ours.
    #[error("a sealed secret is malformed")]
    Malformed,
}

impl Keyring {
    /// Seals a secret for one place, under the primary key and a data key of its own.
    ///
    /// # Errors
    /// No randomness is available.
    pub fn seal(&self, binding: &Binding<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let data_key = random_bytes::<32>().map_err(|_| SealError)?;
        let wrapped = self.wrap(&binding.encode("data key"), &data_key)?;
        let id = wrapped.key_id.as_str().as_bytes();
        let id_length = u8::try_from(id.len()).map_err(|_| SealError)?;
        let mut envelope = vec![VERSION, id_length];
        envelope.extend_from_slice(id);
        envelope.extend_from_slice(&wrapped.bytes);
        envelope.extend(encrypt(&data_key, &binding.encode("secret"), plaintext)?);
        Ok(envelope)
    }

    /// Opens a secret that was sealed for this place under any key of the ring.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, binding: &Binding<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (key_id, rest) = split(sealed)?;
        let (wrapped, cipher) = rest.split_at_checked(WRAPPED_LENGTH).ok_or(OpenError::Malformed)?;
        let wrapped = WrappedKey { key_id, bytes: wrapped.to_vec() };
        let data_key = self.unwrap(&binding.encode("data key"), &wrapped)?;
        decrypt(&data_key, &binding.encode("secret"), cipher)
    }

    /// The key a secret is sealed under: what a rotation asks to learn whether an old key is still used.
    ///
    /// # Errors
    /// It is no envelope of ours.
    pub fn sealed_under(sealed: &[u8]) -> Result<KeyId, OpenError> {
        split(sealed).map(|(key_id, _)| key_id)
    }
}

fn split(sealed: &[u8]) -> Result<(KeyId, &[u8]), OpenError> {
    let [VERSION, id_length, rest @ ..] = sealed else { return Err(OpenError::Malformed) };
    let (id, rest) = rest.split_at_checked(usize::from(*id_length)).ok_or(OpenError::Malformed)?;
    let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or(OpenError::Malformed)?;
    Ok((id, rest))
}
