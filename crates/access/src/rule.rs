//! What a row of the access table says, and looking rows up.

use types::Role;

use crate::{Reach, TABLE};

/// In a rule's peers: whoever holds a certificate of our trust domain.
pub const ANY_PEER: &[&str] = &["*"];

/// Who may call one RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The path on the wire, such as `/countersign.mfa.v1.EnforcementService/EnforceMfa`.
    pub method: &'static str,
    /// The peers that may call.
    pub peers: &'static [&'static str],
    /// For whom they must call.
    pub user: UserRule,
    /// About whom or what, seen from that user.
    pub reach: &'static Reach,
    /// What the user's session must have proved.
    pub mfa: MfaRule,
    /// Whether a refusal of a signed-in user leaves an event.
    pub records_refusals: bool,
}

/// Which user a call must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserRule {
    /// None; a bearer token sent along is ignored.
    Nobody,
    /// A signed-in user with one of these roles.
    Roles(&'static [Role]),
    /// A signed-in user.
    AnyRole,
    /// The services themselves (tenant, identity, mfa) call for nobody; every other peer for a user with one of these roles.
    Optional(&'static [Role]),
}

/// What the second factor must have proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MfaRule {
    /// Nothing.
    NotNeeded,
    /// A second factor within [`crate::FRESH_MFA`].
    Fresh,
}

impl Rule {
    /// Whether this peer may call.
    #[must_use]
    pub fn admits_peer(&self, peer: &str) -> bool {
        self.peers == ANY_PEER || self.peers.contains(&peer)
    }

    /// Whether a call of this peer needs a signed-in user.
    #[must_use]
    pub fn needs_user(&self, peer: &str) -> bool {
        match self.user {
            UserRule::Nobody => false,
            UserRule::Roles(_) | UserRule::AnyRole => true,
            UserRule::Optional(_) => !crate::table::SERVICES.contains(&peer),
        }
    }

    /// Whether a user of this role may call.
    #[must_use]
    pub fn admits_role(&self, role: Role) -> bool {
        match self.user {
            UserRule::Nobody => false,
            UserRule::AnyRole => true,
            UserRule::Roles(roles) | UserRule::Optional(roles) => roles.contains(&role),
        }
    }
}

/// The row of a method; none means that nobody may call it.
#[must_use]
pub fn rule(method: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|rule| rule.method == method)
}
