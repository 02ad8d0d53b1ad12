//! Keys that are a caller's own: what is sealed under one opens only while the caller brings the same secret again.

use std::fmt;

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::Binding;
use crate::encryption::{decrypt, encrypt};
use crate::seal::{OpenError, SealError};

/// A key derived from a secret that a caller holds and we do not store: a token, or a key made from one.
///
/// It is a lock *inside* the keyring's: seal with it first, then with the ring. Whoever has database and keyring, but not
/// the caller's secret, reads nothing.
pub struct CallerKey(Zeroizing<[u8; 32]>);

impl CallerKey {
    /// The key of a secret, by HKDF-SHA-256 (RFC 5869). The secret MUST hold at least 128 random bits: it is not stretched.
    ///
    /// # Errors
    /// The secret is shorter than 16 bytes.
    pub fn derive(secret: &[u8]) -> Result<Self, SealError> {
        if secret.len() < 16 {
            return Err(SealError);
        }
        let info = [b"countersign caller key v1".as_slice()];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(secret);
        let mut key = Zeroizing::new([0; 32]);
        prk.expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .map_err(|_| SealError)?;
        Ok(Self(key))
    }

    /// Seals something for this caller and one place.
    ///
    /// # Errors
    /// No randomness is available.
    pub fn seal(&self, binding: &Binding<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        encrypt(&self.0, &binding.encode("caller"), plaintext)
    }

    /// Opens what was sealed for this caller and place.
    ///
    /// # Errors
    /// It was not: another caller's, altered, or moved from elsewhere.
    pub fn open(&self, binding: &Binding<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        decrypt(&self.0, &binding.encode("caller"), sealed)
    }
}

impl fmt::Debug for CallerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CallerKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Binding<'_> = Binding { service: "s", table: "t", row: "1", user: "u", purpose: "p" };

    #[test]
    fn only_the_same_secret_opens_and_only_in_its_place() {
        let key = CallerKey::derive(&[7; 32]).unwrap();
        let sealed = key.seal(&PLACE, b"answer").unwrap();
        assert_eq!(CallerKey::derive(&[7; 32]).unwrap().open(&PLACE, &sealed).unwrap().as_slice(), b"answer");
        let other = CallerKey::derive(&[8; 32]).unwrap();
        assert_eq!(other.open(&PLACE, &sealed), Err(OpenError::NotAuthentic));
        assert_eq!(key.open(&Binding { row: "2", ..PLACE }, &sealed), Err(OpenError::NotAuthentic));
        assert_eq!(key.open(&PLACE, b"short"), Err(OpenError::Malformed));
    }

    #[test]
    fn a_secret_that_could_be_guessed_makes_no_key() {
        assert!(CallerKey::derive(b"123456").is_err());
        assert_eq!(format!("{:?}", CallerKey::derive(&[1; 16]).unwrap()), "CallerKey(hidden)");
    }
}
