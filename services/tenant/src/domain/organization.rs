//! The organisation and the decisions about it.

use fault::{Fault, Reason};
use time::OffsetDateTime;
use types::{OrganizationId, OrganizationKind, OrganizationName, OrganizationPath, Realm};
use wire::{OrganizationFacts, OrganizationState};

use super::{Etag, NameKey};

/// An organisation, as it is or as it is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Organization {
    /// From the provider down to this organisation.
    pub(crate) path: OrganizationPath,
    /// The display name.
    pub(crate) name: OrganizationName,
    /// The realms whose logins belong here, in their order.
    pub(crate) realms: Vec<Realm>,
    /// Whether it may be used.
    pub(crate) state: OrganizationState,
    /// Rises with every change, from 1.
    pub(crate) version: i64,
    /// When it was created.
    pub(crate) create_time: OffsetDateTime,
    /// When it was changed last.
    pub(crate) update_time: OffsetDateTime,
}

/// Why an organisation is not created or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The parent is not of the kind that has such children.
    NoSuchParent,
    /// The parent is suspended.
    ParentNotActive,
    /// The organisation, or something above it, is suspended.
    NotActive,
    /// The organisation has as many realms as one can have.
    TooManyRealms,
    /// There are living organisations below it.
    NotEmpty,
    /// The organisation was deleted.
    Deleted,
    /// The caller has seen another state than the present one.
    Outdated,
}

impl Refusal {
    /// What a caller is told.
    #[must_use]
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::NoSuchParent | Self::Deleted => Reason::NotFound,
            Self::ParentNotActive | Self::NotActive => Reason::OrganizationNotActive,
            Self::TooManyRealms => Reason::InvalidArgument,
            Self::NotEmpty => Reason::OrganizationNotEmpty,
            Self::Outdated => Reason::EtagMismatch,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooManyRealms => Self::field("realm", "is one more than an organisation can have"),
            _ => refusal.reason().into(),
        }
    }
}

/// A field that an update may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The display name.
    Name,
}

impl Field {
    /// The field's name in update masks and events.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
        }
    }

    /// The field of a name, where it is one.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        (text == Self::Name.as_str()).then_some(Self::Name)
    }
}

/// What an update comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The organisation afterwards.
    pub(crate) organization: Organization,
    /// What differs from before; empty when nothing does, and then the version is the same, too.
    pub(crate) fields: Vec<Field>,
}

impl Organization {
    /// The provider, at the start of everything.
    #[must_use]
    pub(crate) fn provider(
        id: OrganizationId,
        name: OrganizationName,
        realm: Realm,
        now: OffsetDateTime,
    ) -> Self {
        Self::new(OrganizationPath::root(id), name, vec![realm], now)
    }

    /// A new organisation directly below this one.
    ///
    /// # Errors
    /// [`Refusal::NoSuchParent`] when this is not of the kind that has children of `kind`;
    /// [`Refusal::ParentNotActive`]; [`Refusal::Deleted`].
    pub(crate) fn child(
        &self,
        kind: OrganizationKind,
        id: OrganizationId,
        name: OrganizationName,
        realm: Option<Realm>,
        now: OffsetDateTime,
    ) -> Result<Self, Refusal> {
        let path = self.path.child(id).map_err(|_| Refusal::NoSuchParent)?;
        if path.kind() != kind {
            return Err(Refusal::NoSuchParent);
        }
        match self.state {
            OrganizationState::Active => Ok(Self::new(path, name, realm.into_iter().collect(), now)),
            OrganizationState::Inactive => Err(Refusal::ParentNotActive),
            OrganizationState::Deleted => Err(Refusal::Deleted),
        }
    }

    /// Whether it is there, and as the caller has seen it.
    ///
    /// # Errors
    /// [`Refusal::Deleted`]; [`Refusal::Outdated`] when `seen` is given and is not the present state's mark.
    pub(crate) fn check(&self, seen: Option<&Etag>) -> Result<(), Refusal> {
        if self.state == OrganizationState::Deleted {
            return Err(Refusal::Deleted);
        }
        if seen.is_some_and(|seen| *seen != self.etag()) {
            return Err(Refusal::Outdated);
        }
        Ok(())
    }

    /// This organisation under a new name.
    ///
    /// # Errors
    /// [`Refusal::Outdated`] when `seen` is given and is not the present state's mark; [`Refusal::Deleted`].
    pub(crate) fn rename(
        &self,
        name: &OrganizationName,
        seen: Option<&Etag>,
        now: OffsetDateTime,
    ) -> Result<Changed, Refusal> {
        self.check(seen)?;
        if *name == self.name {
            return Ok(Changed { organization: self.clone(), fields: Vec::new() });
        }
        let organization = Self { name: name.clone(), ..self.next(now) };
        Ok(Changed { organization, fields: vec![Field::Name] })
    }

    /// Its id.
    #[must_use]
    pub(crate) fn id(&self) -> OrganizationId {
        self.path.organization_id()
    }

    /// What it is.
    #[must_use]
    pub(crate) fn kind(&self) -> OrganizationKind {
        self.path.kind()
    }

    /// The organisation above; none for the provider.
    #[must_use]
    pub(crate) fn parent_id(&self) -> Option<OrganizationId> {
        self.path.ids().iter().rev().nth(1).copied()
    }

    /// The organisations above, provider first.
    #[must_use]
    pub(crate) fn ids_above(&self) -> &[OrganizationId] {
        self.path.ids().split_last().map_or(&[], |(_, above)| above)
    }

    /// Its name as it is compared.
    #[must_use]
    pub(crate) fn name_key(&self) -> NameKey {
        NameKey::of(&self.name)
    }

    /// The mark of its present state.
    #[must_use]
    pub(crate) fn etag(&self) -> Etag {
        Etag::of_version(self.version)
    }

    /// What the other services are told about it.
    #[must_use]
    pub(crate) fn facts(&self) -> OrganizationFacts {
        OrganizationFacts {
            path: self.path.clone(),
            name: self.name.clone(),
            realms: self.realms.clone(),
            state: self.state,
            version: self.version,
        }
    }

    /// The same in its next version.
    fn next(&self, now: OffsetDateTime) -> Self {
        // The time was drawn before the lock: whoever waited longer must not turn it back.
        Self { version: self.version + 1, update_time: now.max(self.update_time), ..self.clone() }
    }

    fn new(path: OrganizationPath, name: OrganizationName, realms: Vec<Realm>, now: OffsetDateTime) -> Self {
        let state = OrganizationState::Active;
        Self { path, name, realms, state, version: 1, create_time: now, update_time: now }
    }
}

mod life_cycle;
#[cfg(test)]
mod tests;
