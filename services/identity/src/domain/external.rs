//! What an identity provider says about a user, as a broker hands it on.

use std::fmt;
use std::str::FromStr;

use time::Duration;

use super::Timestamp;

/// How old an authentication may be when it is asserted.
pub const OLDEST: Duration = Duration::minutes(5);
/// How far a broker's clock may be ahead of ours; what lies in between counts as now.
const CLOCK_DIFFERENCE: Duration = Duration::seconds(5);

/// The text is no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a subject: 1 to 256 characters, none of them a control character, no space at either end")]
pub struct InvalidSubject;

/// Who somebody is at the identity provider: a `sub` (OpenID Connect Core §2, at most 255 characters) or a name id of SAML.
/// Compared exactly; which provider it belongs to is the broker's to say, in the text itself where there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSubject(String);

impl ExternalSubject {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let is_good = (1..=1_024).contains(&text.len())
            && text.chars().count() <= 256
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if is_good { Ok(Self(text.to_owned())) } else { Err(InvalidSubject) }
    }
}

/// The values are no authentication methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a list of at most 8 methods of 1 to 32 letters, digits or `-_.:`")]
pub struct InvalidMethods;

/// How the identity provider authenticated somebody (RFC 8176), in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExternalMethods(Vec<String>);

impl ExternalMethods {
    /// Reads what a broker says. A value that stands there twice is one.
    ///
    /// # Errors
    /// Too many, too long, or of characters that no method has.
    pub fn parse(values: &[String]) -> Result<Self, InvalidMethods> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let is_method = |value: &String| (1..=32).contains(&value.len()) && value.bytes().all(allowed);
        if values.len() > 8 || !values.iter().all(is_method) {
            return Err(InvalidMethods);
        }
        let mut distinct: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            if !distinct.contains(value) {
                distinct.push(value.clone());
            }
        }
        Ok(Self(distinct))
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.0
    }

    /// Whether the provider says that it asked for more than one factor.
    #[must_use]
    pub fn has_mfa(&self) -> bool {
        self.0.iter().any(|value| value == "mfa")
    }
}

/// The time of an authentication cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lies in the future, or more than five minutes back")]
pub struct InvalidAuthTime;

/// That the identity provider authenticated somebody, how, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    methods: ExternalMethods,
    auth_time: Timestamp,
}

impl Assertion {
    /// An assertion made at `now`; without a time of its own it is about now.
    ///
    /// # Errors
    /// The time lies in the future, or more than [`OLDEST`] back.
    pub fn new(
        methods: ExternalMethods,
        auth_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, InvalidAuthTime> {
        let auth_time = auth_time.unwrap_or(now);
        if auth_time > now + CLOCK_DIFFERENCE || auth_time < now - OLDEST {
            return Err(InvalidAuthTime);
        }
        Ok(Self { methods, auth_time: auth_time.min(now) })
    }

    /// How.
    #[must_use]
    pub fn methods(&self) -> &ExternalMethods {
        &self.methods
    }

    /// When.
    #[must_use]
    pub fn auth_time(&self) -> Timestamp {
        self.auth_time
    }

    /// When a second factor was proved, where the provider says that one was.
    #[must_use]
    pub fn mfa_time(&self) -> Option<Timestamp> {
        self.methods.has_mfa().then_some(self.auth_time)
    }
}

impl fmt::Display for ExternalSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn methods(values: &[&str]) -> Result<ExternalMethods, InvalidMethods> {
        ExternalMethods::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_subject_is_taken_as_it_is_or_not_at_all() {
        for text in ["248289761001", "oidc|Ada", "ä b", &"x".repeat(256)] {
            assert_eq!(text.parse::<ExternalSubject>().unwrap().as_str(), text);
        }
        for text in ["", " ", " a", "a ", "a\u{0}b", "a\nb", &"x".repeat(257)] {
            assert_eq!(text.parse::<ExternalSubject>(), Err(InvalidSubject), "{text:?}");
        }
    }

    #[test]
    fn methods_are_bounded_and_only_mfa_says_mfa() {
        assert!(!methods(&[]).unwrap().has_mfa());
        assert!(!methods(&["pwd", "otp", "hwk"]).unwrap().has_mfa());
        assert!(methods(&["pwd", "mfa"]).unwrap().has_mfa());
        assert_eq!(methods(&["pwd", "pwd"]).unwrap().values(), ["pwd"]);
        for values in [&["a"; 9][..], &[""], &["a b"], &["a\""], &["x".repeat(33).as_str()], &["ä"]] {
            assert_eq!(methods(values), Err(InvalidMethods), "{values:?}");
        }
    }

    #[test]
    fn only_a_recent_authentication_counts() {
        let now = datetime!(2026-11-24 12:00 UTC);
        let at = |auth_time| Assertion::new(methods(&["mfa"]).unwrap(), auth_time, now);
        assert_eq!(at(None).unwrap().auth_time(), now);
        assert_eq!(at(Some(now - OLDEST)).unwrap().mfa_time(), Some(now - OLDEST));
        assert_eq!(at(Some(now + CLOCK_DIFFERENCE)).unwrap().auth_time(), now);
        for wrong in [now - OLDEST - Duration::seconds(1), now + Duration::seconds(6)] {
            assert_eq!(at(Some(wrong)), Err(InvalidAuthTime));
        }
        let without = Assertion::new(methods(&["pwd"]).unwrap(), None, now).unwrap();
        assert_eq!(without.mfa_time(), None);
    }
}
