//! What an organisation goes through after its creation. Every method gives the organisation as it will be, or nothing
//! where it already is as asked for.

use time::OffsetDateTime;
use types::{OrganizationKind, Realm};
use wire::OrganizationState;

use super::{Organization, Refusal};

/// The most realms of one organisation: what is known of it travels in every event about it.
pub(crate) const MOST_REALMS: usize = 100;

impl Organization {
    /// With a further realm. `usable` says whether everything above it is active.
    ///
    /// # Errors
    /// [`Refusal::NotActive`]; [`Refusal::TooManyRealms`]; [`Refusal::Deleted`].
    pub(crate) fn add_realm(
        &self,
        realm: &Realm,
        usable: bool,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Refusal> {
        self.check(None)?;
        if self.realms.contains(realm) {
            return Ok(None);
        }
        if self.state != OrganizationState::Active || !usable {
            return Err(Refusal::NotActive);
        }
        if self.realms.len() >= MOST_REALMS {
            return Err(Refusal::TooManyRealms);
        }
        let mut next = self.next(now);
        next.realms.push(realm.clone());
        next.realms.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(Some(next))
    }

    /// Suspended, or active again. What stands above or below keeps its own state: whether somebody can be signed in is
    /// asked of the whole path.
    ///
    /// # Errors
    /// [`Refusal::Deleted`].
    pub(crate) fn set_suspended(
        &self,
        suspended: bool,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Refusal> {
        self.check(None)?;
        let state = if suspended { OrganizationState::Inactive } else { OrganizationState::Active };
        if self.state == state {
            return Ok(None);
        }
        Ok(Some(Self { state, ..self.next(now) }))
    }

    /// A company below another reseller. Its own state goes with it, and it may leave a reseller that is suspended: that is
    /// how customers are rescued.
    ///
    /// # Errors
    /// [`Refusal::NoSuchParent`] when this is no company or that no reseller; [`Refusal::ParentNotActive`];
    /// [`Refusal::Deleted`].
    pub(crate) fn move_below(&self, reseller: &Self, now: OffsetDateTime) -> Result<Option<Self>, Refusal> {
        self.check(None)?;
        reseller.check(None)?;
        let path = reseller.path.child(self.id()).map_err(|_| Refusal::NoSuchParent)?;
        if self.kind() != OrganizationKind::Company || path.kind() != OrganizationKind::Company {
            return Err(Refusal::NoSuchParent);
        }
        if path == self.path {
            return Ok(None);
        }
        match reseller.state {
            OrganizationState::Active => Ok(Some(Self { path, ..self.next(now) })),
            OrganizationState::Inactive | OrganizationState::Deleted => Err(Refusal::ParentNotActive),
        }
    }

    /// Deleted, for good: a tombstone without realms. `has_children` says whether anything living is directly below it.
    ///
    /// # Errors
    /// [`Refusal::NotEmpty`]; [`Refusal::Deleted`].
    pub(crate) fn delete(&self, has_children: bool, now: OffsetDateTime) -> Result<Self, Refusal> {
        self.check(None)?;
        if has_children {
            return Err(Refusal::NotEmpty);
        }
        Ok(Self { state: OrganizationState::Deleted, realms: Vec::new(), ..self.next(now) })
    }
}

#[cfg(test)]
mod tests;
