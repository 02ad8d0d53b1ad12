//! When a second factor has nobody left to serve, and is destroyed.

use types::AuthSource;
use wire::{UserFacts, UserState};

/// Why everything that is configured is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destruction {
    /// The user was deleted.
    UserDeleted,
    /// The organisation was deleted, and with it all its users.
    OrganizationDeleted,
    /// The user signs in elsewhere now; were the factor kept, it would be as old as that when they come back.
    UserExternal,
}

/// What identity's log has told of a user so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownUser {
    /// Rises with every change.
    pub(crate) version: i64,
    /// Who checked the password.
    pub(crate) auth_source: AuthSource,
}

impl Destruction {
    /// The word in events.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UserDeleted => "user_deleted",
            Self::OrganizationDeleted => "organization_deleted",
            Self::UserExternal => "user_external",
        }
    }

    /// What a change of a user means for what is configured. Facts that are not newer mean nothing.
    #[must_use]
    pub(crate) fn by_change(before: Option<KnownUser>, after: &UserFacts) -> Option<Self> {
        if before.is_some_and(|before| before.version >= after.version) {
            return None;
        }
        let was_external = before.is_some_and(|before| before.auth_source == AuthSource::External);
        match (after.state, after.auth_source) {
            (UserState::Deleted, _) => Some(Self::UserDeleted),
            (UserState::Active | UserState::Inactive, AuthSource::External) if !was_external => {
                Some(Self::UserExternal)
            }
            (UserState::Active | UserState::Inactive, AuthSource::External | AuthSource::Local) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use types::{OrganizationId, OrganizationPath, Role, UserId};

    use super::*;

    #[test]
    fn deletion_and_leaving_destroy_once() {
        use AuthSource::{External, Local};
        use Destruction::{UserDeleted, UserExternal};
        let facts = |state, auth_source| UserFacts {
            id: UserId::generate(),
            path: OrganizationPath::root(OrganizationId::generate()),
            login: "a@example.com".parse().unwrap(),
            role: Role::ProviderAdmin,
            auth_source,
            state,
            version: 5,
        };
        let known = |version, auth_source| Some(KnownUser { version, auth_source });
        for (before, state, auth_source, expected) in [
            (known(4, Local), UserState::Active, External, Some(UserExternal)),
            (known(4, Local), UserState::Inactive, External, Some(UserExternal)),
            (known(4, External), UserState::Active, External, None),
            (known(4, External), UserState::Active, Local, None),
            (known(4, Local), UserState::Inactive, Local, None),
            (known(4, Local), UserState::Deleted, Local, Some(UserDeleted)),
            (known(4, External), UserState::Deleted, External, Some(UserDeleted)),
            // What was not known here may have had anything.
            (None, UserState::Active, External, Some(UserExternal)),
            // Told again, or late.
            (known(5, Local), UserState::Deleted, Local, None),
            (known(6, Local), UserState::Active, External, None),
        ] {
            let ends = Destruction::by_change(before, &facts(state, auth_source));
            assert_eq!(ends, expected, "{before:?} {state:?} {auth_source:?}");
        }
    }
}
