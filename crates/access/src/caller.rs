//! The caller of an RPC: a peer, and the user it calls for.

use clock::Timestamp;
use fault::{Outcome, Reason};
use time::Duration;
use types::{Login, OrganizationId, OrganizationPath, Role, SessionId, UserId};

use crate::Peer;

/// How long a second factor counts as fresh after it was proved.
pub const FRESH_MFA: Duration = Duration::minutes(15);

/// How far identity's clock may be ahead of ours.
const CLOCK_DIFFERENCE: Duration = Duration::minutes(1);

/// A user with a living session, as of now and not as of the token's issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user.
    pub user_id: UserId,
    /// From the provider down to the user's organisation.
    pub path: OrganizationPath,
    /// The normalised login.
    pub login: Login,
    /// The role now.
    pub role: Role,
    /// The session of the token.
    pub session_id: SessionId,
    /// The session's authentication methods (RFC 8176): `pwd`, `otp`, `mfa`.
    pub amr: Vec<String>,
    /// When the password was checked.
    pub auth_time: Timestamp,
    /// When the second factor was last proved; none when never.
    pub mfa_time: Option<Timestamp>,
    /// The generation of the user's second factor that the session was opened in. Identity learns of a reset a moment after
    /// mfa has committed it; what depends on the factor compares this with the present one.
    pub generation: i64,
}

impl SignedIn {
    /// The user's own organisation.
    #[must_use]
    pub fn organization_id(&self) -> OrganizationId {
        self.path.organization_id()
    }

    /// Whether the second factor was proved within [`FRESH_MFA`] before `now`.
    #[must_use]
    pub fn has_fresh_mfa(&self, now: Timestamp) -> bool {
        // A time far in the future proves nothing: somebody's clock is wrong.
        self.mfa_time.is_some_and(|at| at - now <= CLOCK_DIFFERENCE && now - at <= FRESH_MFA)
    }

    /// Whether `path` is the user's own organisation or below it.
    #[must_use]
    pub fn reaches(&self, path: &OrganizationPath) -> bool {
        // Role and organisation stand on the same level in identity's tables; were they ever to differ, nobody is reached.
        self.role.organization_kind() == self.path.kind() && path.lies_in_branch_of(self.organization_id())
    }
}

/// Who calls: the peer, and the user where the RPC is for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// From the connection's certificate.
    pub peer: Peer,
    /// From the bearer token; none where the access table asks for none.
    pub user: Option<SignedIn>,
}

/// Checks the relation in the tree: the target's organisation is the caller's own or below it.
///
/// # Errors
/// NOT_FOUND, as for a target that does not exist.
pub fn within_reach(caller: &SignedIn, target: &OrganizationPath) -> Outcome<()> {
    if caller.reaches(target) { Ok(()) } else { Err(Reason::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn user(role: Role, path: OrganizationPath) -> SignedIn {
        SignedIn {
            user_id: UserId::generate(),
            path,
            login: "ada@example.com".parse().unwrap(),
            role,
            session_id: SessionId::generate(),
            amr: vec!["pwd".into()],
            auth_time: datetime!(2026-01-01 00:00 UTC),
            mfa_time: None,
            generation: 0,
        }
    }

    #[test]
    fn reach_is_the_own_branch() {
        let provider = OrganizationPath::root(OrganizationId::generate());
        let [a, b] = [(); 2].map(|()| provider.child(OrganizationId::generate()).unwrap());
        let company = a.child(OrganizationId::generate()).unwrap();
        let admin = user(Role::ResellerAdmin, a.clone());
        assert!(admin.reaches(&a) && admin.reaches(&company));
        assert!(!admin.reaches(&provider) && !admin.reaches(&b));
        assert_eq!(within_reach(&admin, &b).unwrap_err().reason(), Reason::NotFound);
        assert!(!user(Role::ProviderAdmin, a).reaches(&company));
    }

    #[test]
    fn mfa_is_fresh_for_fifteen_minutes() {
        let at = datetime!(2026-01-01 12:00 UTC);
        let mut user = user(Role::ProviderAdmin, OrganizationPath::root(OrganizationId::generate()));
        assert!(!user.has_fresh_mfa(at));
        user.mfa_time = Some(at);
        assert!(user.has_fresh_mfa(at) && user.has_fresh_mfa(at + Duration::minutes(15)));
        assert!(!user.has_fresh_mfa(at + Duration::minutes(15) + Duration::microseconds(1)));
        assert!(user.has_fresh_mfa(at - Duration::seconds(1)));
        assert!(!user.has_fresh_mfa(at - Duration::seconds(61)));
    }
}
