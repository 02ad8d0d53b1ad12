//! Typed ids. Ours are UUIDv7 (RFC 9562); any UUID is accepted from outside.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The text is no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a UUID")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id (UUIDv7, so that ids made later sort later). Draw it before a unit of work, not in it.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id of a UUID, of any version.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads the hyphenated form in either case; other spellings of a UUID are refused, so that one id has one text.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.len() != 36 {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// An organisation: the provider, a reseller or a company.
    OrganizationId;
    /// A user.
    UserId;
    /// A session.
    SessionId;
    /// A sign-in under way: from the accepted password to the session.
    SignInId;
    /// A configured authenticator.
    FactorId;
    /// An enrolment under way.
    EnrollmentId;
    /// A set of recovery codes; generating anew makes a new one.
    RecoverySetId;
    /// One attempt at a code.
    AttemptId;
    /// An event.
    EventId;
    /// The caller's own id of a mutation, which makes a retry safe.
    RequestId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        assert!("0190b5b4-7d6c-7c4e-9a54-0123456789ab".parse::<UserId>().is_ok());
        assert!("0190B5B4-7D6C-7C4E-9A54-0123456789AB".parse::<UserId>().is_ok());
        for text in ["", "0190b5b47d6c7c4e9a540123456789ab", "{0190b5b4-7d6c-7c4e-9a54-0123456789ab}", "x"] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text}");
        }
    }
}
