//! One use case a file: draws time, ids and randomness, asks the peers, opens the unit of work.
//!
//! Must not know tonic, prost or SQL text.

mod accept_invitation;
mod access_tokens;
mod administer;
mod answered_before;
mod apply_organization;
mod assert_external_sign_in;
mod authenticate;
mod begin_sign_in;
mod bootstrap;
mod bound_enrollment;
mod change_password;
mod change_user_state;
mod check_present_password;
mod count_refusals;
mod create_user;
mod end_all;
mod enroll_mfa;
mod expire;
mod find_organization;
mod find_sign_in;
mod floor_sessions;
mod get_user;
mod issue_invitation;
mod list_sessions;
mod list_users;
mod lock_user;
mod open_session;
mod password_pool;
mod record_refusal;
mod refresh_session;
mod refuse_refresh;
mod refuse_sign_in;
mod replace_password;
mod reseal_secrets;
mod resolve_user;
mod revoke_session;
mod revoke_user_sessions;
mod set_password;
mod sign_in_delays;
mod start_sign_in;
mod step_up;
mod suspect_password;
mod to_the_end;
mod turn_signing_keys;
mod update_user;
mod verify_mfa;
mod verify_recovery_code;

use std::collections::BTreeSet;
use std::sync::Arc;

use access::SignedIn;
use clock::{SharedClock, Timestamp};
use eventlog::{Act, Dependents};
use host::ClockGuard;
use keyring::Keyring;
use rpc::CallInfo;
use store::Store;
use types::{OrganizationPath, RequestId};
use wire::Client;

use crate::domain::session::{Lifetimes, Session};
use crate::domain::user::User;
use crate::peers::mfa::Mfa;
use crate::peers::tenant::Tenant;

pub use crate::domain::opened::{AccessToken, FinishedSignIn, OpenedSession};
pub use accept_invitation::AcceptInvitation;
pub use access_tokens::AccessTokens;
pub use apply_organization::apply as apply_organization_change;
pub use assert_external_sign_in::AssertExternalSignIn;
pub use bootstrap::{Bootstrap, Bootstrapped};
pub use change_password::ChangePassword;
pub use change_user_state::ChangeUserState;
pub use count_refusals::RefusalCounter;
pub use create_user::{CreateUser, NewUser};
pub use enroll_mfa::{AcknowledgeMfaEnrollment, BeginMfaEnrollment, ConfirmMfaEnrollment, PresentedTicket};
pub use floor_sessions::{FloorChange, apply as apply_floor_change};
pub use issue_invitation::{Invitation, IssueInvitation};
pub use list_sessions::{ListSessions, SessionPage};
pub use list_users::{ListUsers, UserPage};
pub use password_pool::{Lane, PasswordPool, PoolSize, Verdict};
pub use refresh_session::{KEPT as REFRESH_KEPT, RefreshSession};
pub use replace_password::ReplacePassword;
pub use reseal_secrets::SealedSecrets;
pub use revoke_user_sessions::RevokeUserSessions;
pub use set_password::SetPassword;
pub use sign_in_delays::SignInDelays;
pub use start_sign_in::{StartSignIn, StartedSignIn};
pub use step_up::StepUp;
pub use suspect_password::apply as apply_password_suspected;
pub use turn_signing_keys::NextKey;
pub use update_user::UpdateUser;
pub use verify_mfa::VerifyMfa;
pub use verify_recovery_code::{RecoveredSignIn, VerifyRecoveryCode};

/// What the use cases work with.
pub struct Parts {
    /// identity's database.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// Seals signing keys, authenticates page tokens.
    pub keyring: Arc<Keyring>,
    /// Hashes passwords.
    pub passwords: PasswordPool,
    /// Slows guessing down.
    pub delays: SignInDelays,
    /// Refusals that leave no event of their own.
    pub refusals: RefusalCounter,
    /// Makes and verifies access tokens.
    pub tokens: AccessTokens,
    /// The second factor.
    pub mfa: Arc<dyn Mfa>,
    /// The tree of organisations.
    pub tenant: Arc<dyn Tenant>,
    /// Who must have applied what is answered as in force.
    pub dependents: Dependents,
    /// Whether the clock is known to be right: policy is not set by a creation while it is not.
    pub clock_guard: ClockGuard,
    /// The peers whose word about external users is taken.
    pub brokers: BTreeSet<String>,
    /// How long sessions and tokens live.
    pub lifetimes: Lifetimes,
}

/// identity's use cases. Clones share everything.
///
/// Unless one says otherwise: nothing is changed when a call fails; a cancelled call either changed everything it
/// would have or nothing; whatever is asked of an unreachable peer or database is UNAVAILABLE.
#[derive(Clone)]
pub struct Identity {
    parts: Arc<Parts>,
}

impl Identity {
    /// The use cases over their parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}

impl std::ops::Deref for Identity {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// Where a command comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The call.
    pub call: CallInfo,
    /// Where the person is, as the peer said.
    pub client: Client,
    /// The caller's own id of the command.
    pub request_id: Option<RequestId>,
}

impl Origin {
    /// The act of somebody who is not signed in yet.
    fn anonymous(&self, now: Timestamp) -> Act {
        let mut act = Act::anonymous(&self.call, self.client.clone(), now);
        act.request_id = self.request_id;
        act
    }

    /// The act of a signed-in user.
    fn by_user(&self, user: &SignedIn, now: Timestamp) -> Act {
        let mut act = Act::by_user(user, &self.call, now);
        act.client = self.client.clone();
        act.request_id = self.request_id;
        act
    }

    /// The act of whoever holds the operator's certificate.
    fn by_operator(&self, now: Timestamp) -> Act {
        let mut act = Act::by_operator(&self.call, now);
        act.request_id = self.request_id;
        act
    }
}

/// A user as the bearer of a session.
fn signed_in(user: &User, path: &OrganizationPath, session: &Session) -> SignedIn {
    SignedIn {
        user_id: user.id,
        path: path.clone(),
        login: user.login.clone(),
        role: user.role,
        session_id: session.id,
        amr: session.methods.amr(),
        auth_time: session.auth_time,
        mfa_time: session.mfa_time,
        generation: session.basis.generation,
    }
}

/// The operating system gives no randomness: nothing may be made then.
fn no_randomness(error: impl std::error::Error + Send + Sync + 'static) -> fault::Fault {
    fault::Fault::new(fault::Reason::Internal).with_cause(error)
}
