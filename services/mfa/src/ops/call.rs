//! The call that something is done for.

use access::SignedIn;
use clock::Timestamp;
use eventlog::request_record::{self, sealed};
use eventlog::{Act, Actor};
use rpc::CallInfo;
use types::{RequestId, SessionId};
use wire::{Client, PolicyVersion, UserFacts};

use crate::domain::UserState;

/// A signed-in user's call.
#[derive(Debug)]
pub(crate) struct Call {
    /// What events say about it.
    pub(crate) info: CallInfo,
    /// The caller's own id of it, for the event.
    pub(crate) request_id: Option<RequestId>,
    /// The same id with caller, method and content: what makes a repetition recognisable.
    pub(crate) request: Option<request_record::Key>,
    /// In its place, where what is answered or sent holds a secret: what the answer is kept sealed with.
    pub(crate) kept: Option<sealed::Key>,
}

impl Call {
    /// This call as the act of a user.
    pub(super) fn act_of(&self, caller: &SignedIn, now: Timestamp) -> Act {
        Act::by_user(caller, &self.info, now).with_request_id(self.request_id)
    }
}

/// A call that identity makes for somebody who is signing in, or steps up in a session.
#[derive(Debug)]
pub(crate) struct SignInCall {
    /// Identity's own facts about the user; they are used as they are.
    pub(crate) user: UserFacts,
    /// The session, when there is one already.
    pub(crate) session_id: Option<SessionId>,
    /// Where the person's call came from.
    pub(crate) client: Client,
    /// What events say about the call.
    pub(crate) info: CallInfo,
}

impl SignInCall {
    /// This call as the act of the user, whose password was accepted before.
    pub(super) fn act(&self, now: Timestamp) -> Act {
        let actor = Actor::User {
            id: self.user.id,
            role: self.user.role,
            session_id: self.session_id,
            amr: vec!["pwd".to_owned()],
        };
        Act::of(actor, &self.info, now).with_client(self.client.clone())
    }
}

/// What a sign-in or session was told when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The user's generation.
    pub(crate) generation: i64,
    /// The policy on the user's levels.
    pub(crate) policy_version: PolicyVersion,
}

impl Seen {
    /// Whether nothing has changed since.
    pub(super) fn is_present(&self, state: &UserState, policy: &PolicyVersion) -> bool {
        self.generation == state.generation && self.policy_version == *policy
    }
}
