//! Recovery codes: what a user writes down for the day the authenticator is lost.
//!
//! 80 random bits in sixteen symbols of Crockford's base32, which has no letter that reads like a digit. They are stored
//! only as a keyed hash; hashing is done where the crypto stack is.

use std::fmt;
use std::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::random_bytes;

/// The symbols, by their value. Upper case, I, L and O are understood, too; U is no symbol.
const SYMBOLS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
/// How many symbols a code has; each carries five bits.
const LENGTH: usize = 16;
/// How many symbols are shown together.
const GROUP: usize = 4;
/// No way of writing a code that a person may come upon is longer than this.
const LONGEST: usize = 64;

/// The text is no recovery code: not sixteen letters and digits as we make them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a recovery code")]
pub struct InvalidRecoveryCode;

/// A recovery code, in its one normal form. It does not print and is wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// A new code of the operating system's generator.
    ///
    /// # Errors
    /// The generator is not available.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let bytes = random_bytes::<{ LENGTH * 5 / 8 }>()?;
        let mut code = Self(String::with_capacity(LENGTH));
        let (mut bits, mut held) = (0u32, 0u32);
        for byte in bytes.iter() {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                code.0.extend(symbol((bits >> held) & 0b1_1111));
            }
            // What was written is not kept.
            bits &= (1 << held) - 1;
        }
        Ok(code)
    }

    /// The sixteen symbols in their normal form: what is hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The form to be shown, in groups of four: `xxxx-xxxx-xxxx-xxxx`.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (index, symbol) in self.0.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }
}

fn symbol(value: u32) -> Option<char> {
    SYMBOLS.chars().nth(usize::try_from(value).ok()?)
}

/// The symbol that is meant by what somebody typed, by Crockford's rules.
fn read(typed: char) -> Option<char> {
    match typed.to_ascii_lowercase() {
        'o' => Some('0'),
        'i' | 'l' => Some('1'),
        other => SYMBOLS.contains(other).then_some(other),
    }
}

impl FromStr for RecoveryCode {
    type Err = InvalidRecoveryCode;

    /// Letter case, spaces and hyphens do not matter.
    fn from_str(text: &str) -> Result<Self, InvalidRecoveryCode> {
        if text.len() > LONGEST {
            return Err(InvalidRecoveryCode);
        }
        let mut code = Self(String::with_capacity(LENGTH));
        for typed in text.chars().filter(|typed| !matches!(typed, ' ' | '-')) {
            code.0.push(read(typed).filter(|_| code.0.len() < LENGTH).ok_or(InvalidRecoveryCode)?);
        }
        if code.0.len() == LENGTH { Ok(code) } else { Err(InvalidRecoveryCode) }
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let code: RecoveryCode = "01ab-cdef-ghjk-mnpq".parse().unwrap();
        assert_eq!(code.expose(), "01abcdefghjkmnpq");
        assert_eq!(code.grouped().as_str(), "01ab-cdef-ghjk-mnpq");
        for typed in [
            "01abcdefghjkmnpq",
            "01AB-CDEF-GHJK-MNPQ",
            "OIab cdef ghjk mnpq",
            "  oLab--cdefghjk  mnpq ",
            "0-1-a-b-c-d-e-f-g-h-j-k-m-n-p-q",
        ] {
            assert_eq!(typed.parse::<RecoveryCode>().unwrap().expose(), code.expose(), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for text in [
            "",
            "----",
            "01abcdefghjkmnp",
            "01abcdefghjkmnpq0",
            "u1abcdefghjkmnpq",
            "0_ab-cdef-ghjk-mnpq",
            "01ab\tcdef-ghjk-mnpq",
            "０1abcdefghjkmnpq",
            "\u{212a}1abcdefghjkmnpq",
            &" ".repeat(65),
        ] {
            assert_eq!(text.parse::<RecoveryCode>().unwrap_err(), InvalidRecoveryCode, "{text}");
        }
    }

    #[test]
    fn made_codes_use_every_symbol_differ_and_do_not_print() {
        let codes: Vec<RecoveryCode> = (0..500).map(|_| RecoveryCode::generate().unwrap()).collect();
        let mut seen = HashSet::new();
        for code in &codes {
            assert!(seen.insert(code.expose().to_owned()));
            assert_eq!(code.grouped().parse::<RecoveryCode>().unwrap().expose(), code.expose());
            assert!(!format!("{code:?}").contains(code.expose()));
        }
        // Every position takes every value: none of the 80 bits is lost.
        for position in 0..LENGTH {
            let found: HashSet<_> = codes.iter().map(|code| code.expose().chars().nth(position)).collect();
            assert_eq!(found.len(), SYMBOLS.len(), "{position}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_is_read_is_in_normal_form(text in "\\PC{0,80}") {
            if let Ok(code) = text.parse::<RecoveryCode>() {
                prop_assert_eq!(code.expose().len(), LENGTH);
                prop_assert!(code.expose().chars().all(|symbol| SYMBOLS.contains(symbol)));
                let again: RecoveryCode = code.expose().parse().unwrap();
                prop_assert_eq!(again.expose(), code.expose());
            }
        }
    }
}
