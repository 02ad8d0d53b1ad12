//! A user.

use std::fmt;
use std::str::FromStr;

use types::{AuthSource, DisplayName, EventId, Login, OrganizationId, OrganizationPath, Role, UserId};
use wire::{UserFacts, UserState};

use super::Timestamp;
use super::external::ExternalSubject;
use super::password::StoredHash;

/// The text is no mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a mail address of at most 254 characters")]
pub struct InvalidEmail;

/// A mail address as an administrator wrote it, or none. It is never used to find or recognise a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Email(String);

impl Email {
    /// The address; empty when there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Accepts an empty text as "none"; otherwise asks for no more than an `@` between two parts, as only sending a
    /// mail tells more (RFC 5321 §4.5.3.1.3 bounds the length).
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        let in_bounds = text.len() <= 254 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        match text.rsplit_once('@') {
            Some((name, domain)) if in_bounds && !name.is_empty() && !domain.is_empty() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidEmail),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A user as identity keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's organisation.
    pub organization_id: OrganizationId,
    /// The user.
    pub id: UserId,
    /// The login, unique in the installation.
    pub login: Login,
    /// The name to show.
    pub display_name: DisplayName,
    /// Where mail reaches the user, if anywhere.
    pub email: Email,
    /// The role.
    pub role: Role,
    /// Who checks the password.
    pub auth_source: AuthSource,
    /// Whether the user may sign in.
    pub state: UserState,
    /// Rises with every change of role, password, state or authentication source: sessions and sign-ins of an earlier
    /// version are dead.
    pub version: i64,
    /// Rises with every change, also of what no session depends on.
    pub revision: i64,
    /// The generation of the second factor below which no sign-in finishes and no session lives on.
    pub generation_floor: i64,
    /// Somebody else is likely to know the password: the next full sign-in replaces it.
    pub must_change_password: bool,
    /// When the user was created.
    pub create_time: Timestamp,
    /// When the user was last changed.
    pub update_time: Timestamp,
}

/// A user together with what nobody outside needs to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The user.
    pub user: User,
    /// The password's hash; external and invited users have none.
    pub password_hash: Option<StoredHash>,
    /// Who an external user is at the identity provider.
    pub external_subject: Option<ExternalSubject>,
    /// The event of the last change of role, state or authentication source.
    pub authority_event: Option<EventId>,
}

impl User {
    /// The mark by which a caller says which state of the user it has seen. Callers compare it and send it back; its text
    /// may change with any release.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.revision)
    }

    /// What the other services are told about this user. `path` is the path of the user's organisation.
    #[must_use]
    pub fn facts(&self, path: &OrganizationPath) -> UserFacts {
        UserFacts {
            id: self.id,
            path: path.clone(),
            login: self.login.clone(),
            role: self.role,
            auth_source: self.auth_source,
            state: self.state,
            version: self.version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_is_optional_and_bounded() {
        assert_eq!(" ".parse::<Email>().unwrap().as_str(), "");
        assert_eq!(" ada@example.com ".parse::<Email>().unwrap().as_str(), "ada@example.com");
        for text in ["ada", "@example.com", "ada@", "a da@example.com", "a\u{0}@example.com"] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
        assert!(format!("{}@example.com", "a".repeat(250)).parse::<Email>().is_err());
    }
}
