//! Wrapping and unwrapping data keys: the seam for a KMS.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use types::random_bytes;
use zeroize::Zeroizing;

use crate::keyring::{Keyring, Met};
use crate::ring::{KeyId, Purpose};
use crate::seal::{OpenError, SealError};

/// The salt that leads a wrapped key. Each data key is wrapped under a key of its own, made from the root key and this: under
/// one key for all, random nonces of 96 bits would be good for 2^32 wrappings (NIST SP 800-38D, 8.3), which a busy service makes
/// within days.
pub(crate) const SALT_LENGTH: usize = 16;
/// An encrypted data key: nonce, 32 bytes, tag.
pub(crate) const ENCRYPTED_LENGTH: usize = NONCE_LEN + 32 + 16;

/// A data key under a key-encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The key-encryption key that wrapped it.
    pub key_id: KeyId,
    /// The wrapped key, in the form its wrapper reads.
    pub bytes: Vec<u8>,
}

/// Something that wraps data keys. [`Keyring`] does it with keys from files; an implementation over a KMS keeps the
/// same contract.
///
/// An implementation MUST bind the wrapped key to `associated_data` and MUST fail to unwrap under any other. It is
/// called inside units of work, so it MUST NOT wait for a network: one over a KMS fetches its keys when it starts.
pub trait KeyEncryption: Send + Sync {
    /// Wraps a data key under the primary key.
    ///
    /// # Errors
    /// The generator of the operating system, or the wrapper, is not available.
    fn wrap(&self, associated_data: &[u8], data_key: &[u8; 32]) -> Result<WrappedKey, SealError>;

    /// Unwraps a data key.
    ///
    /// # Errors
    /// The key is not in the ring, or the bytes were not wrapped by it for this `associated_data`.
    fn unwrap(&self, associated_data: &[u8], wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, OpenError>;
}

impl KeyEncryption for Keyring {
    fn wrap(&self, associated_data: &[u8], data_key: &[u8; 32]) -> Result<WrappedKey, SealError> {
        let ring = self.ring();
        let key_id = ring.primary().clone();
        let salt = random_bytes::<SALT_LENGTH>().map_err(|_| SealError)?;
        let key = ring.derive(&key_id, Purpose::Wrap(salt.as_slice())).ok_or(SealError)?;
        let mut bytes = salt.to_vec();
        bytes.extend(encrypt(&key, associated_data, data_key)?);
        Ok(WrappedKey { key_id, bytes })
    }

    fn unwrap(&self, associated_data: &[u8], wrapped: &WrappedKey) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        // What has no salt is of the first version of the envelope.
        let salt_length = wrapped.bytes.len().saturating_sub(ENCRYPTED_LENGTH);
        let (salt, encrypted) = wrapped.bytes.split_at_checked(salt_length).ok_or(OpenError::Malformed)?;
        let key = self
            .derive(&wrapped.key_id, Purpose::Wrap(salt), Met::Sealed)
            .ok_or_else(|| OpenError::UnknownKey { key_id: wrapped.key_id.to_string() })?;
        let plain = decrypt(&key, associated_data, encrypted)?;
        let mut data_key = Zeroizing::new([0; 32]);
        if plain.len() != data_key.len() {
            return Err(OpenError::NotAuthentic);
        }
        data_key.copy_from_slice(&plain);
        Ok(data_key)
    }
}

/// AES-256-GCM under a random nonce, which leads the result.
pub(crate) fn encrypt(key: &[u8; 32], associated_data: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random_bytes::<NONCE_LEN>().map_err(|_| SealError)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError)?);
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(nonce.as_slice());
    let mut cipher = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    cipher.extend_from_slice(plain);
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(*nonce),
        Aad::from(associated_data),
        &mut cipher,
    )
    .map_err(|_| SealError)?;
    sealed.append(&mut cipher);
    Ok(sealed)
}

/// The reverse of [`encrypt`].
pub(crate) fn decrypt(
    key: &[u8; 32],
    associated_data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, cipher) = sealed.split_at_checked(NONCE_LEN).ok_or(OpenError::Malformed)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Malformed)?;
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| OpenError::NotAuthentic)?;
    let mut plain = Zeroizing::new(cipher.to_vec());
    let length = LessSafeKey::new(key)
        .open_in_place(nonce, Aad::from(associated_data), plain.as_mut_slice())
        .map_err(|_| OpenError::NotAuthentic)?
        .len();
    plain.truncate(length);
    Ok(plain)
}
