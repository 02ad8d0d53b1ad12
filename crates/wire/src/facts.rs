//! What the services tell each other about organisations, users and policy.

use std::collections::BTreeMap;

use fault::{Fault, Outcome};
use proto::common;
use types::{
    AuthSource, Login, OrganizationId, OrganizationKind, OrganizationName, OrganizationPath, Realm, Role,
    UserId,
};

use crate::parse;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident, $wire:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum $name { Active, Inactive, Deleted }
    };
}

states!(
    /// Whether an organisation may be used; `Inactive` is suspended.
    OrganizationState, OrganizationState
);
states!(
    /// Whether a user may sign in; `Inactive` is disabled.
    UserState, UserState
);

/// An organisation as tenant knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationFacts {
    /// From the provider down to this organisation; the last id is its own.
    pub path: OrganizationPath,
    /// The display name.
    pub name: OrganizationName,
    /// The realms whose logins belong here.
    pub realms: Vec<Realm>,
    /// Whether it may be used.
    pub state: OrganizationState,
    /// Rises with every change.
    pub version: i64,
}

impl OrganizationFacts {
    /// The organisation's id.
    #[must_use]
    pub fn id(&self) -> OrganizationId {
        self.path.organization_id()
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> OrganizationKind {
        self.path.kind()
    }

    /// Reads the message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming the field.
    pub fn parse(wire: Option<&common::OrganizationFacts>) -> Outcome<Self> {
        let wire = wire.ok_or_else(|| Fault::field("organization", "is required"))?;
        let state = match common::OrganizationState::try_from(wire.state) {
            Ok(common::OrganizationState::Active) => OrganizationState::Active,
            Ok(common::OrganizationState::Suspended) => OrganizationState::Inactive,
            Ok(common::OrganizationState::Deleted) => OrganizationState::Deleted,
            Ok(common::OrganizationState::Unspecified) | Err(_) => {
                return Err(Fault::field("organization.state", "is not known"));
            }
        };
        Ok(Self {
            path: path("organization.path", &wire.path)?,
            name: parse::id("organization.name", &wire.name)?,
            realms: wire
                .realms
                .iter()
                .map(|realm| parse::id("organization.realms", realm))
                .collect::<Outcome<_>>()?,
            state,
            version: wire.version,
        })
    }

    /// For the wire.
    #[must_use]
    pub fn to_wire(&self) -> common::OrganizationFacts {
        let state = match self.state {
            OrganizationState::Active => common::OrganizationState::Active,
            OrganizationState::Inactive => common::OrganizationState::Suspended,
            OrganizationState::Deleted => common::OrganizationState::Deleted,
        };
        common::OrganizationFacts {
            id: self.id().to_string(),
            kind: parse::organization_kind_to_wire(self.kind()).into(),
            name: self.name.to_string(),
            path: path_to_wire(&self.path),
            realms: self.realms.iter().map(ToString::to_string).collect(),
            state: state.into(),
            version: self.version,
        }
    }
}

/// A user as identity knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// The user.
    pub id: UserId,
    /// From the provider down to the user's organisation.
    pub path: OrganizationPath,
    /// The login.
    pub login: Login,
    /// The role.
    pub role: Role,
    /// Who checks the password.
    pub auth_source: AuthSource,
    /// Whether the user may sign in.
    pub state: UserState,
    /// Rises with every change of role, password, state or authentication source.
    pub version: i64,
}

impl UserFacts {
    /// The user's organisation.
    #[must_use]
    pub fn organization_id(&self) -> OrganizationId {
        self.path.organization_id()
    }

    /// Reads the message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT naming the field.
    pub fn parse(wire: Option<&common::UserFacts>) -> Outcome<Self> {
        let wire = wire.ok_or_else(|| Fault::field("user", "is required"))?;
        let state = match common::UserState::try_from(wire.state) {
            Ok(common::UserState::Active) => UserState::Active,
            Ok(common::UserState::Disabled) => UserState::Inactive,
            Ok(common::UserState::Deleted) => UserState::Deleted,
            Ok(common::UserState::Unspecified) | Err(_) => {
                return Err(Fault::field("user.state", "is not known"));
            }
        };
        let path = path("user.path", &wire.path)?;
        if wire.organization_id != path.organization_id().to_string() {
            return Err(Fault::field("user.organization_id", "is not the last of user.path"));
        }
        Ok(Self {
            id: parse::id("user.id", &wire.id)?,
            path,
            login: parse::id("user.login", &wire.login)?,
            role: parse::role(wire.role).ok_or_else(|| Fault::field("user.role", "is not known"))?,
            auth_source: parse::auth_source(wire.auth_source)
                .ok_or_else(|| Fault::field("user.auth_source", "is not known"))?,
            state,
            version: wire.version,
        })
    }

    /// For the wire.
    #[must_use]
    pub fn to_wire(&self) -> common::UserFacts {
        let state = match self.state {
            UserState::Active => common::UserState::Active,
            UserState::Inactive => common::UserState::Disabled,
            UserState::Deleted => common::UserState::Deleted,
        };
        common::UserFacts {
            id: self.id.to_string(),
            organization_id: self.organization_id().to_string(),
            path: path_to_wire(&self.path),
            login: self.login.to_string(),
            role: parse::role_to_wire(self.role).into(),
            auth_source: parse::auth_source_to_wire(self.auth_source).into(),
            state: state.into(),
            version: self.version,
        }
    }
}

/// The versions of policy on every level above and at a user, by target. Levels never set do not appear.
///
/// A sign-in stores it; mfa refuses when it differs from the present one; identity refuses what is below its floors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyVersion(pub BTreeMap<String, i64>);

impl PolicyVersion {
    /// Reads the message; absent means no level was ever set.
    #[must_use]
    pub fn parse(wire: Option<&common::PolicyVersion>) -> Self {
        let levels = wire.map(|wire| wire.levels.as_slice()).unwrap_or_default();
        Self(levels.iter().map(|level| (level.target.clone(), level.version)).collect())
    }

    /// For the wire.
    #[must_use]
    pub fn to_wire(&self) -> common::PolicyVersion {
        let level = |(target, version): (&String, &i64)| common::PolicyLevelVersion {
            target: target.clone(),
            version: *version,
        };
        common::PolicyVersion { levels: self.0.iter().map(level).collect() }
    }

    /// The version of one level; 0 when it was never set.
    #[must_use]
    pub fn level(&self, target: &str) -> i64 {
        self.0.get(target).copied().unwrap_or(0)
    }
}

fn path(field: &'static str, wire: &[String]) -> Outcome<OrganizationPath> {
    let ids = wire.iter().map(|text| parse::id(field, text)).collect::<Outcome<Vec<_>>>()?;
    OrganizationPath::new(ids).map_err(|error| Fault::field(field, error.to_string()))
}

fn path_to_wire(path: &OrganizationPath) -> Vec<String> {
    path.ids().iter().map(ToString::to_string).collect()
}
