//! Sealed secrets: an envelope of version, key id, wrapped data key, and the secret under that data key.

use std::str;

use types::random_bytes;
use zeroize::Zeroizing;

use crate::Binding;
use crate::encryption::{ENCRYPTED_LENGTH, KeyEncryption, SALT_LENGTH, WrappedKey, decrypt, encrypt};
use crate::keyring::Keyring;
use crate::ring::KeyId;

/// The version of the envelope that is written: its data key is wrapped under a salt.
const VERSION: u8 = 2;
/// The one before, which still opens: no salt.
const UNSALTED: u8 = 1;

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
        let Envelope { wrapped_length, key_id, rest } = split(sealed)?;
        let (wrapped, cipher) = rest.split_at_checked(wrapped_length).ok_or(OpenError::Malformed)?;
        let wrapped = WrappedKey { key_id, bytes: wrapped.to_vec() };
        let data_key = self.unwrap(&binding.encode("data key"), &wrapped)?;
        decrypt(&data_key, &binding.encode("secret"), cipher)
    }

    /// The key a secret is sealed under: what a rotation asks to learn whether an old key is still used.
    ///
    /// # Errors
    /// It is no envelope of ours.
    pub fn sealed_under(sealed: &[u8]) -> Result<KeyId, OpenError> {
        split(sealed).map(|envelope| envelope.key_id)
    }
}

/// What an envelope says of itself, and what is left then: the wrapped key and the secret.
struct Envelope<'a> {
    wrapped_length: usize,
    key_id: KeyId,
    rest: &'a [u8],
}

fn split(sealed: &[u8]) -> Result<Envelope<'_>, OpenError> {
    let [version, id_length, rest @ ..] = sealed else { return Err(OpenError::Malformed) };
    let wrapped_length = match *version {
        VERSION => SALT_LENGTH + ENCRYPTED_LENGTH,
        UNSALTED => ENCRYPTED_LENGTH,
        _ => return Err(OpenError::Malformed),
    };
    let (id, rest) = rest.split_at_checked(usize::from(*id_length)).ok_or(OpenError::Malformed)?;
    let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or(OpenError::Malformed)?;
    Ok(Envelope { wrapped_length, key_id: id, rest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Purpose;

    const PLACE: Binding<'_> = Binding { service: "s", table: "t", row: "1", user: "u", purpose: "p" };
    /// Version, length of the id, "ephemeral".
    const HEAD: usize = 2 + 9;

    /// What the first version of the envelope made.
    fn unsalted(keyring: &Keyring, plaintext: &[u8]) -> Vec<u8> {
        let key_id = keyring.primary();
        let data_key = [7; 32];
        let key = keyring.ring().derive(&key_id, Purpose::Wrap(b"")).unwrap();
        let mut envelope = vec![1, u8::try_from(key_id.as_str().len()).unwrap()];
        envelope.extend_from_slice(key_id.as_str().as_bytes());
        envelope.extend(encrypt(&key, &PLACE.encode("data key"), &data_key).unwrap());
        envelope.extend(encrypt(&data_key, &PLACE.encode("secret"), plaintext).unwrap());
        envelope
    }

    #[test]
    fn both_versions_open_in_their_place_and_only_the_second_is_written() {
        let keyring = Keyring::ephemeral().unwrap();
        let (old, new) = (unsalted(&keyring, b"secret"), keyring.seal(&PLACE, b"secret").unwrap());
        assert_eq!((old[0], new[0], new.len()), (1, 2, old.len() + SALT_LENGTH));
        let elsewhere = Binding { row: "2", ..PLACE };
        for sealed in [old, new] {
            assert_eq!(keyring.open(&PLACE, &sealed).unwrap().as_slice(), b"secret");
            assert_eq!(Keyring::sealed_under(&sealed).unwrap(), keyring.primary());
            assert_eq!(keyring.open(&elsewhere, &sealed), Err(OpenError::NotAuthentic));
            // One is not taken for the other, nor for one that is to come.
            for version in [1, 2, 3] {
                let mut other = sealed.clone();
                other[0] = version;
                assert_eq!(keyring.open(&PLACE, &other).is_ok(), version == sealed[0]);
            }
        }
    }

    #[test]
    fn every_seal_has_a_wrapping_key_of_its_own_and_its_salt_cannot_be_changed() {
        let keyring = Keyring::ephemeral().unwrap();
        let [one, other] = [(); 2].map(|()| keyring.seal(&PLACE, b"secret").unwrap());
        assert_ne!(one[HEAD..HEAD + SALT_LENGTH], other[HEAD..HEAD + SALT_LENGTH]);
        let mut mixed = one.clone();
        mixed[HEAD..HEAD + SALT_LENGTH].copy_from_slice(&other[HEAD..HEAD + SALT_LENGTH]);
        assert_eq!(keyring.open(&PLACE, &mixed), Err(OpenError::NotAuthentic));
        assert_eq!(keyring.open(&PLACE, &one[..HEAD + SALT_LENGTH]), Err(OpenError::Malformed));
    }
}
