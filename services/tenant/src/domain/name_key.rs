//! When two names are one name.

use std::fmt;

use types::OrganizationName;
use unicode_normalization::UnicodeNormalization;

/// The longest plain form that is compared. A name has at most 400 bytes, but one character may stand for a phrase
/// (U+FDFA for eighteen letters), and a key must fit into an index and a page token.
const LIMIT: usize = 1024;

/// A name as it is compared: under one parent, names that a person reads as the same have one key. Never empty.
///
/// Made as RFC 8266 §2.4 compares nicknames: spaces of any kind and number are one space, case is folded to lower, and
/// compatibility variants (full-width letters, ligatures) are their plain form. Only where that form is monstrous the
/// variants are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameKey(String);

impl NameKey {
    /// The key of a name.
    #[must_use]
    pub(crate) fn of(name: &OrganizationName) -> Self {
        let plain: String = name.as_str().nfkc().collect();
        // Lower-casing may leave a sequence that composes anew, hence the second normalisation.
        let plain: String = plain.to_lowercase().nfkc().collect();
        let text = if plain.len() <= LIMIT { plain } else { name.as_str().to_lowercase().nfc().collect() };
        Self(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// A key that [`Self::as_str`] gave out before, as a page token carries it.
    #[must_use]
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text, as it is stored and ordered (by its bytes).
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> String {
        NameKey::of(&name.parse().unwrap()).to_string()
    }

    #[test]
    fn names_that_read_alike_have_one_key() {
        for (name, same) in [
            ("Acme GmbH", "ACME  gmbh"),
            ("Acme GmbH", "Acme\u{a0}GmbH"),
            ("Acme GmbH", "Ａｃｍｅ GmbH"),
            ("Büro", "Bu\u{308}ro"),
            ("ﬁdelity", "FIDELITY"),
        ] {
            assert_eq!(key(name), key(same), "{name} / {same}");
        }
    }

    #[test]
    fn names_that_differ_keep_differing() {
        for (name, other) in [("Acme", "Acme 2"), ("Buro", "Büro"), ("A-B", "A B"), ("AB", "A B")] {
            assert_ne!(key(name), key(other), "{name} / {other}");
        }
    }

    #[test]
    fn a_key_is_bounded_and_never_empty() {
        for character in ['\u{fdfa}', '\u{130}', '\u{1f600}', '\u{2800}', '\u{3300}', '\u{2126}'] {
            let key = key(&character.to_string().repeat(OrganizationName::LIMIT));
            assert!((1..=LIMIT).contains(&key.len()), "{character:?}: {} bytes", key.len());
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        for name in ["Ａcme  GmbH", "İstanbul", "Straße", "ΣΊΣΥΦΟΣ"] {
            let once = key(name);
            assert_eq!(key(&once), once, "{name}");
        }
    }
}
