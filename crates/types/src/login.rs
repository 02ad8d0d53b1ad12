//! Logins: `name@realm`, normalised once, here, for look-up, counters and uniqueness alike.

use std::fmt;
use std::str::FromStr;

use precis_core::profile::PrecisFastInvocation;
use precis_profiles::UsernameCaseMapped;

use crate::UserId;

/// The longest name part, in bytes after normalisation.
const NAME_LIMIT: usize = 128;
/// The longest realm: the limit of a DNS name.
const REALM_LIMIT: usize = 253;

/// The text is no login or realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogin {
    /// There is no `@`.
    #[error("must have the form name@realm")]
    NoRealm,
    /// The name is empty, too long, or holds characters that no user name may hold (RFC 8265).
    #[error("has a name part that is empty, too long or holds forbidden characters")]
    Name,
    /// The realm is no dotted name of letters, digits and hyphens.
    #[error("is not a realm: labels of letters, digits and hyphens, separated by dots")]
    Realm,
}

/// A realm: the part of a login after the `@`, often the customer's mail domain. Lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Realm(String);

impl Realm {
    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Realm {
    type Err = InvalidLogin;

    /// Lower-cases and checks the LDH rule of host names (RFC 1123 §2.1); internationalised realms are written in
    /// their A-label form.
    fn from_str(text: &str) -> Result<Self, InvalidLogin> {
        let lower = text.to_ascii_lowercase();
        let label_is_good = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if lower.len() <= REALM_LIMIT && lower.split('.').all(label_is_good) {
            Ok(Self(lower))
        } else {
            Err(InvalidLogin::Realm)
        }
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A login in its one normal form (PRECIS UsernameCaseMapped, RFC 8265 §3.3; realm in lower case).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Login {
    text: String,
    realm: Realm,
}

impl Login {
    /// The realm of logins that name nobody. `.invalid` is nobody's for ever (RFC 2606 §2); no user may be created in it.
    pub const NOBODYS_REALM: &'static str = "deleted.invalid";

    /// The login that takes the place of a deleted user's: it parses like every login, is unique, and is nobody's.
    #[must_use]
    pub fn of_deleted(user: UserId) -> Self {
        let realm = Realm(Self::NOBODYS_REALM.to_owned());
        Self { text: format!("deleted-{user}@{realm}"), realm }
    }

    /// Whether it stands for a deleted user.
    #[must_use]
    pub fn is_nobodys(&self) -> bool {
        self.realm.as_str() == Self::NOBODYS_REALM
    }

    /// The normal form `name@realm`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.realm
    }
}

impl FromStr for Login {
    type Err = InvalidLogin;

    /// Splits at the last `@`, so that the realm never holds one, and refuses one in the name, so that a login
    /// cannot read like another's.
    fn from_str(text: &str) -> Result<Self, InvalidLogin> {
        let (name, realm) = text.rsplit_once('@').ok_or(InvalidLogin::NoRealm)?;
        let realm: Realm = realm.parse()?;
        if name.is_empty() || name.len() > NAME_LIMIT * 4 || name.contains([':', '/', '@']) {
            return Err(InvalidLogin::Name);
        }
        let enforce = |name: &str| {
            UsernameCaseMapped::enforce(name)
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| InvalidLogin::Name)
        };
        let name = enforce(name)?;
        // The profile is not idempotent for every text: normalising can reorder marks into what its own first check
        // refuses. Only a fixed point is a normal form; anything else would be stored and could not be read again.
        if enforce(&name)? != name || name.len() > NAME_LIMIT || name.contains([':', '/', '@']) {
            return Err(InvalidLogin::Name);
        }
        Ok(Self { text: format!("{name}@{realm}"), realm })
    }
}

impl fmt::Display for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_login_have_one_normal_form() {
        for text in ["Ada.Lovelace@Example.COM", "ada.lovelace@example.com", "ＡＤＡ.lovelace@example.com"]
        {
            assert_eq!(text.parse::<Login>().unwrap().as_str(), "ada.lovelace@example.com", "{text}");
        }
        let composed = "jos\u{e9}@example.com".parse::<Login>().unwrap();
        assert_eq!("jose\u{301}@example.com".parse::<Login>().unwrap(), composed);
    }

    #[test]
    fn the_login_of_a_deleted_user_is_a_login_and_nobodys() {
        let login = Login::of_deleted(UserId::generate());
        assert!(login.is_nobodys());
        assert_eq!(login.as_str().parse(), Ok(login));
        assert!(!"ada@example.com".parse::<Login>().unwrap().is_nobodys());
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(20_000))]

        #[test]
        fn what_parses_parses_again_to_itself(name in "[\\PC]{1,12}", marks in "[\\p{M}\u{200c}\u{200d}\\p{L}]{1,10}") {
            for name in [name, marks] {
                if let Ok(login) = format!("{name}@example.com").parse::<Login>() {
                    let again = login.as_str().parse::<Login>();
                    proptest::prop_assert_eq!(again, Ok(login));
                }
            }
        }
    }

    #[test]
    fn what_no_login_may_be_is_refused() {
        for (text, error) in [
            ("ada", InvalidLogin::NoRealm),
            ("@example.com", InvalidLogin::Name),
            ("a b@example.com", InvalidLogin::Name),
            ("a:b@example.com", InvalidLogin::Name),
            ("a@b@example.com", InvalidLogin::Name),
            ("a\u{0}b@example.com", InvalidLogin::Name),
            ("ada@", InvalidLogin::Realm),
            ("ada@exa mple.com", InvalidLogin::Realm),
            ("ada@-x.com", InvalidLogin::Realm),
        ] {
            assert_eq!(text.parse::<Login>(), Err(error), "{text:?}");
        }
        let unstable = "\u{915}\u{952}\u{94d}\u{200d}\u{937}@example.com";
        assert_eq!(unstable.parse::<Login>(), Err(InvalidLogin::Name), "its normal form does not parse");
        assert_eq!(format!("{}@example.com", "a".repeat(129)).parse::<Login>(), Err(InvalidLogin::Name));
    }
}
