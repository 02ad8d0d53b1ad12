//! Names and texts that people write: bounded, trimmed, free of control characters.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("is longer than {limit} characters")]
    TooLong {
        /// The limit in characters.
        limit: usize,
    },
    /// A control character, or one that changes the direction of text around it.
    #[error("must not contain control characters")]
    Control,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $limit:literal, $minimum:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted text, in characters.
            pub const LIMIT: usize = $limit;

            /// The text: trimmed, in Unicode NFC.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                clean(text, $minimum, $limit).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// An organisation's display name; it is the issuer that an authenticator app shows.
    OrganizationName, 100, 1;
    /// A person's display name.
    DisplayName, 100, 0;
    /// Why somebody did something: the reason of an administrator's act.
    Reasoning, 500, 0;
}

impl Default for DisplayName {
    /// No name: of whom nothing is to be told.
    fn default() -> Self {
        Self(String::new())
    }
}

fn clean(text: &str, minimum: usize, limit: usize) -> Result<String, InvalidName> {
    // Bytes first: normalising is linear, but an attacker chooses the factor.
    if text.len() > limit * 4 {
        return Err(InvalidName::TooLong { limit });
    }
    let text: String = text.trim().nfc().collect();
    let length = text.chars().count();
    if length < minimum {
        return Err(InvalidName::Empty);
    }
    if length > limit {
        return Err(InvalidName::TooLong { limit });
    }
    let directs =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(|c| c.is_control() || directs(c)) {
        return Err(InvalidName::Control);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(5_000))]

        #[test]
        fn what_parses_parses_again_to_itself(text in "\\PC{0,40}", marks in "[\\p{M}\\p{L}\\p{Z}]{0,30}") {
            for text in [text, marks] {
                if let Ok(name) = text.parse::<OrganizationName>() {
                    let again = name.as_str().parse::<OrganizationName>();
                    proptest::prop_assert_eq!(again, Ok(name));
                }
            }
        }
    }

    #[test]
    fn names_are_trimmed_bounded_and_plain() {
        assert_eq!("  Acme GmbH ".parse::<OrganizationName>().unwrap().as_str(), "Acme GmbH");
        assert_eq!("  ".parse::<OrganizationName>(), Err(InvalidName::Empty));
        assert_eq!("a\nb".parse::<OrganizationName>(), Err(InvalidName::Control));
        assert_eq!("a\u{202e}b".parse::<OrganizationName>(), Err(InvalidName::Control));
        assert_eq!("ä".repeat(101).parse::<OrganizationName>(), Err(InvalidName::TooLong { limit: 100 }));
        assert!("ä".repeat(100).parse::<OrganizationName>().is_ok());
        assert_eq!("".parse::<Reasoning>().unwrap().as_str(), "");
    }
}
