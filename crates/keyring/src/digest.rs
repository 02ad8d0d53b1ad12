//! Hashes: SHA-256, and what is stored of a token.

use aws_lc_rs::digest;
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
}
