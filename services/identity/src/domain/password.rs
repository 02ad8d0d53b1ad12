//! Which passwords are accepted, and the stored form of one.
//!
//! Hashing itself costs memory and time and is the business of `ops::password_pool`.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use types::{Login, Password};
use zeroize::Zeroizing;

/// The shortest accepted password, in characters (NIST SP 800-63B-4 §3.1.1.2, with a second factor on top).
pub const MINIMUM: usize = 8;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/common-passwords.txt").lines();
    lines.filter(|line| !line.starts_with("# ")).collect()
});

/// Why a password was not accepted. The sentence is for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// Fewer than [`MINIMUM`] characters.
    #[error("has fewer than 8 characters")]
    TooShort,
    /// One of the most common passwords.
    #[error("is one of the most common passwords")]
    Common,
    /// The login, or its name.
    #[error("is the login or a part of it")]
    LikeLogin,
}

/// Whether a new password is accepted for a login: 8 to 256 characters, none of the most common, not the login.
/// There are no rules of composition. (The upper bound was checked when the [`Password`] was made.)
///
/// # Errors
/// The first rule it breaks.
pub fn check(password: &Password, login: &Login) -> Result<(), Unacceptable> {
    if password.expose().chars().count() < MINIMUM {
        return Err(Unacceptable::TooShort);
    }
    let lower = Zeroizing::new(password.expose().to_lowercase());
    if COMMON.contains(lower.as_str()) {
        return Err(Unacceptable::Common);
    }
    let name = login.as_str().rsplit_once('@').map_or("", |(name, _)| name);
    if [login.as_str(), name, login.realm().as_str()].contains(&lower.as_str()) {
        return Err(Unacceptable::LikeLogin);
    }
    Ok(())
}

/// A password's hash in PHC form, as it is stored. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(String);

impl StoredHash {
    /// A hash in PHC form.
    #[must_use]
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for storing and for verifying.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoredHash(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_short_or_the_login_is_refused() {
        let login: Login = "ada.lovelace@example.com".parse().unwrap();
        for (text, expected) in [
            ("7 chars", Err(Unacceptable::TooShort)),
            ("ä".repeat(7).as_str(), Err(Unacceptable::TooShort)),
            ("password", Err(Unacceptable::Common)),
            ("PassWord", Err(Unacceptable::Common)),
            ("Ada.Lovelace", Err(Unacceptable::LikeLogin)),
            ("ada.lovelace@example.com", Err(Unacceptable::LikeLogin)),
            ("        ", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("ä".repeat(256).as_str(), Ok(())),
        ] {
            assert_eq!(check(&Password::parse(text).unwrap(), &login), expected, "{text}");
        }
    }

    #[test]
    fn the_list_holds_more_than_the_three_thousand_most_common() {
        assert!(COMMON.len() >= 3_000, "{}", COMMON.len());
        assert!(COMMON.iter().all(|word| word.chars().count() >= MINIMUM && *word == word.to_lowercase()));
    }

    #[test]
    fn a_hash_does_not_print() {
        assert_eq!(format!("{:?}", StoredHash::new("$argon2id$x".to_owned())), "StoredHash(hidden)");
    }
}
