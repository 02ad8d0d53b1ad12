//! Who does something, and in what call: drawn once per call, before any unit of work.

use access::SignedIn;
use clock::Timestamp;
use proto::events::{self, ActorKind};
use rpc::CallInfo;
use types::{RequestId, Role, ServiceName, SessionId, UserId};
use wire::Client;

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user.
    User {
        /// The user.
        id: UserId,
        /// The user's role at that time.
        role: Role,
        /// The session they act in; none where they act without one.
        session_id: Option<SessionId>,
        /// The authentication methods of that session.
        amr: Vec<String>,
    },
    /// A service of this product, by itself.
    Service(ServiceName),
    /// Whoever holds the operator's certificate, without a user.
    Operator,
    /// Someone who is not signed in.
    Anonymous,
}

/// What every event of one call has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// Through which peer; empty for a service's own work.
    pub peer: String,
    /// Where the person's call came from, as a trusted peer told it.
    pub client: Client,
    /// The caller's id of the mutation.
    pub request_id: Option<RequestId>,
    /// The W3C trace id.
    pub trace_id: String,
    /// The server's time.
    pub at: Timestamp,
}

impl Act {
    /// An act of a signed-in user.
    #[must_use]
    pub fn by_user(user: &SignedIn, call: &CallInfo, at: Timestamp) -> Self {
        let actor = Actor::User {
            id: user.user_id,
            role: user.role,
            session_id: Some(user.session_id),
            amr: user.amr.clone(),
        };
        Self::of(actor, call, at)
    }

    /// A service's own work, outside of any call.
    #[must_use]
    pub fn by_service(service: ServiceName, at: Timestamp) -> Self {
        Self {
            actor: Actor::Service(service),
            peer: String::new(),
            client: Client::default(),
            request_id: None,
            trace_id: String::new(),
            at,
        }
    }

    /// An act of the operator, without a user.
    #[must_use]
    pub fn by_operator(call: &CallInfo, at: Timestamp) -> Self {
        Self::of(Actor::Operator, call, at)
    }

    /// An act of someone who is not signed in.
    #[must_use]
    pub fn anonymous(call: &CallInfo, client: Client, at: Timestamp) -> Self {
        Self::of(Actor::Anonymous, call, at).with_client(client)
    }

    /// An act of `actor` in a call.
    #[must_use]
    pub fn of(actor: Actor, call: &CallInfo, at: Timestamp) -> Self {
        Self {
            actor,
            peer: call.peer.clone(),
            client: Client::default(),
            request_id: None,
            trace_id: call.trace_id.clone(),
            at,
        }
    }

    /// With what a trusted peer told about the person's device.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// With the caller's id of the mutation.
    #[must_use]
    pub fn with_request_id(mut self, request_id: Option<RequestId>) -> Self {
        self.request_id = request_id;
        self
    }
}

impl Actor {
    /// The id as it stands in events; none where nobody in particular acts.
    pub(crate) fn id(&self) -> Option<String> {
        match self {
            Self::User { id, .. } => Some(id.to_string()),
            Self::Service(service) => Some(service.to_string()),
            Self::Operator | Self::Anonymous => None,
        }
    }

    pub(crate) fn to_wire(&self) -> events::Actor {
        let kind = match self {
            Self::User { .. } => ActorKind::User,
            Self::Service(_) => ActorKind::Service,
            Self::Operator => ActorKind::Operator,
            Self::Anonymous => ActorKind::Anonymous,
        };
        let mut actor = events::Actor {
            kind: kind.into(),
            id: self.id().unwrap_or_default(),
            ..events::Actor::default()
        };
        if let Self::User { role, session_id, amr, .. } = self {
            actor.role = wire::role_to_wire(*role).into();
            actor.session_id = session_id.map(|id| id.to_string()).unwrap_or_default();
            actor.amr.clone_from(amr);
        }
        actor
    }
}
