//! Hashes: SHA-256, HMAC, and what is stored of a token.

use aws_lc_rs::{digest, hmac};
use types::{Token, TokenHash};

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_of(&[bytes])
}

/// SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// HMAC-SHA-256 (RFC 2104) under a key that the caller holds. Compare in constant time only.
#[must_use]
pub fn hmac_sha256(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    mac.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref());
    mac
}

/// What is stored of a token and looked up by. A plain hash is enough: a token holds 256 random bits.
#[must_use]
pub fn token_hash(token: &Token) -> TokenHash {
    TokenHash(sha256(token.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_string_hashes_to_the_known_value() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(data_encoding::HEXLOWER.encode(&sha256(b"")), expected);
        assert_eq!(sha256_of(&[b"ab", b"", b"c"]), sha256(b"abc"));
    }

    #[test]
    fn hmac_is_the_known_one() {
        // RFC 4231, test case 1: its key of 20 bytes, padded with zeros as HMAC itself does.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(data_encoding::HEXLOWER.encode(&hmac_sha256(&key, b"Hi There")), expected);
    }
}
