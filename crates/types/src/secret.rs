//! Secret values in types that do not print and are wiped, and the tokens we make of randomness.
//!
//! Tokens are stored only as a [`TokenHash`]; hashing is done where the crypto stack is (`keyring::digest`).

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of the operating system's generator.
///
/// # Errors
/// The generator is not available; nothing may be decided or created then.
pub fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// The text is not exactly six ASCII digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be exactly six digits")]
pub struct InvalidCode;

/// A six-digit one-time code as a user typed it (RFC 6238 with six digits).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// The six digits. Compare in constant time only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for OneTimeCode {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCode)
        }
    }
}

/// A password as a user typed it, in Unicode NFC (NIST SP 800-63B-4 §3.1.1.2), at most 256 characters.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// The longest accepted password, in characters.
    pub const LIMIT: usize = 256;

    /// The normalised password; longer ones than [`Self::LIMIT`] are refused, never truncated.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::LIMIT * 4 {
            return None;
        }
        let normalised: String = text.nfc().collect();
        (normalised.chars().count() <= Self::LIMIT).then_some(Self(normalised))
    }

    /// The password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The text is no token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token")]
pub struct InvalidToken;

/// A bearer secret we give out once: 32 random bytes in base64url. Sign-in tokens, refresh tokens and tickets.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// A new token of the operating system's generator.
    ///
    /// # Errors
    /// The generator is not available.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let bytes = random_bytes::<32>()?;
        Ok(Self(BASE64URL_NOPAD.encode(bytes.as_slice())))
    }

    /// The text given to the caller.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let is_ours = text.len() == 43 && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok();
        if is_ours { Ok(Self(text.to_owned())) } else { Err(InvalidToken) }
    }
}

/// The SHA-256 of a token: what is stored and looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    )*};
}

hidden!(OneTimeCode, Password, Token);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        assert!("012345".parse::<OneTimeCode>().is_ok());
        for text in [
            "",
            "12345",
            "1234567",
            " 12345",
            "12 345",
            "+12345",
            "-12345",
            "１２３４５６",
            "12345a",
            "٠١٢٣٤٥",
        ] {
            assert!(text.parse::<OneTimeCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let token = Token::generate().unwrap();
        assert!(!format!("{token:?}").contains(token.expose()));
        assert!(token.expose().parse::<Token>().is_ok());
        assert!(format!("{}x", token.expose()).parse::<Token>().is_err());
    }

    #[test]
    fn passwords_are_normalised_and_never_truncated() {
        assert_eq!(Password::parse("e\u{301}").unwrap().expose(), "\u{e9}");
        assert!(Password::parse(&"a".repeat(256)).is_some());
        assert!(Password::parse(&"a".repeat(257)).is_none());
    }
}
