//! What becomes of a user when they are changed, disabled, enabled or deleted.

use types::{AuthSource, DisplayName, Login, Password, Role};
use wire::UserState;

use super::Timestamp;
use super::authority;
use super::external::ExternalSubject;
use super::password::StoredHash;
use super::user::{Email, UserRecord};

/// What is to be changed; `None` means: left as it is.
#[derive(Debug, Clone, Default)]
pub struct Changes<P> {
    /// The name to show.
    pub display_name: Option<DisplayName>,
    /// Where mail reaches the user.
    pub email: Option<Email>,
    /// The role.
    pub role: Option<Role>,
    /// Who checks the password.
    pub source: Option<NewSource<P>>,
}

/// A new authentication source, with the password as it was given, or already hashed.
#[derive(Debug, Clone)]
pub enum NewSource<P> {
    /// An external identity provider, at which the user is this subject.
    External(ExternalSubject),
    /// We, with this password; without one the user is to be invited.
    Local(Option<P>),
}

impl<P> Changes<P> {
    /// Whether it is about nothing that a session depends on. One may change this of oneself.
    #[must_use]
    pub fn is_profile_only(&self) -> bool {
        self.role.is_none() && self.source.is_none()
    }
}

impl Changes<Password> {
    /// The password that is to be hashed, where there is one.
    #[must_use]
    pub fn password(&self) -> Option<&Password> {
        match &self.source {
            Some(NewSource::Local(password)) => password.as_ref(),
            Some(NewSource::External(_)) | None => None,
        }
    }

    /// The same with the password's hash.
    #[must_use]
    pub fn hashed(self, hash: Option<StoredHash>) -> Changes<StoredHash> {
        let source = self.source.map(|source| match source {
            NewSource::External(subject) => NewSource::External(subject),
            NewSource::Local(_) => NewSource::Local(hash),
        });
        Changes { display_name: self.display_name, email: self.email, role: self.role, source }
    }
}

/// Why a user cannot be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The role does not belong into the user's organisation.
    Role,
    /// The user is local already: their password is set by another call.
    LocalAlready,
}

/// A user after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As they are now.
    pub record: UserRecord,
    /// The fields that changed.
    pub fields: Vec<&'static str>,
    /// Whether sessions and sign-ins of before are dead.
    pub ends_sessions: bool,
}

impl UserRecord {
    /// The user after `changes`; `None` when nothing changes.
    ///
    /// # Errors
    /// Why not.
    pub fn changed(&self, changes: &Changes<StoredHash>, now: Timestamp) -> Result<Option<Changed>, Unfit> {
        let mut record = self.clone();
        let mut fields = Vec::new();
        if let Some(name) = changes.display_name.as_ref().filter(|name| **name != record.user.display_name) {
            record.user.display_name = name.clone();
            fields.push("display_name");
        }
        if let Some(email) = changes.email.as_ref().filter(|email| **email != record.user.email) {
            record.user.email = email.clone();
            fields.push("email");
        }
        let of_profile = fields.len();
        if let Some(role) = changes.role.filter(|role| *role != record.user.role) {
            if !authority::belongs(role, record.user.role.organization_kind()) {
                return Err(Unfit::Role);
            }
            record.user.role = role;
            fields.push("role");
        }
        if let Some(source) = &changes.source {
            fields.extend(record.set_source(source)?);
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let ends_sessions = fields.len() > of_profile;
        let record = if ends_sessions { record.of_new_version(now) } else { record.revised(now) };
        Ok(Some(Changed { record, fields, ends_sessions }))
    }

    fn set_source(&mut self, source: &NewSource<StoredHash>) -> Result<Option<&'static str>, Unfit> {
        match (self.user.auth_source, source) {
            (AuthSource::External, NewSource::External(subject))
                if self.external_subject.as_ref() == Some(subject) =>
            {
                Ok(None)
            }
            (AuthSource::External, NewSource::External(subject)) => {
                self.external_subject = Some(subject.clone());
                Ok(Some("external_subject"))
            }
            (AuthSource::Local, NewSource::External(subject)) => {
                self.user.auth_source = AuthSource::External;
                self.external_subject = Some(subject.clone());
                self.password_hash = None;
                self.user.must_change_password = false;
                Ok(Some("auth_source"))
            }
            (AuthSource::External, NewSource::Local(password)) => {
                self.user.auth_source = AuthSource::Local;
                self.external_subject = None;
                self.password_hash.clone_from(password);
                self.user.must_change_password = false;
                Ok(Some("auth_source"))
            }
            (AuthSource::Local, NewSource::Local(Some(_))) => Err(Unfit::LocalAlready),
            (AuthSource::Local, NewSource::Local(None)) => Ok(None),
        }
    }

    /// The user in another state; `None` when they are in it. Who is deleted keeps nothing that tells who they were, and
    /// never comes back.
    #[must_use]
    pub fn in_state(&self, state: UserState, now: Timestamp) -> Option<Self> {
        if self.user.state == state || self.user.state == UserState::Deleted {
            return None;
        }
        let mut record = self.clone().of_new_version(now);
        record.user.state = state;
        if state == UserState::Deleted {
            record.user.login = Login::of_deleted(record.user.id);
            record.user.display_name = DisplayName::default();
            record.user.email = Email::default();
            record.password_hash = None;
            record.user.must_change_password = false;
            record.external_subject = None;
        }
        Some(record)
    }

    /// The user with another password: sessions and sign-ins of before are dead, and nobody is suspected to know it.
    #[must_use]
    pub fn with_password(&self, hash: StoredHash, now: Timestamp) -> Self {
        let mut record = self.clone().of_new_version(now);
        record.user.must_change_password = false;
        record.password_hash = Some(hash);
        record
    }

    /// Whether the provider can be administered by this user: while this is so of nobody else, it must stay so.
    #[must_use]
    pub fn keeps_provider(&self) -> bool {
        self.user.role == Role::ProviderAdmin
            && self.user.state == UserState::Active
            && self.user.auth_source == AuthSource::Local
            && self.password_hash.is_some()
    }

    fn revised(mut self, now: Timestamp) -> Self {
        self.user.revision = self.user.revision.saturating_add(1);
        self.user.update_time = now;
        self
    }

    fn of_new_version(self, now: Timestamp) -> Self {
        let mut record = self.revised(now);
        record.user.version = record.user.version.saturating_add(1);
        record
    }
}

#[cfg(test)]
mod tests;
