//! An event on its way into the log.

use clock::Timestamp;
use keyring::digest::sha256;
use prost::Message;
use proto::events::{self, Outcome, SubjectKind, event::Payload};
use store::{Entry, Label};
use tokio_postgres::types::ToSql;
use types::{EventId, OrganizationId, OrganizationPath, SessionId, UserId, random_bytes};
use uuid::Uuid;

use crate::Act;

/// The version of the payloads' meaning.
const SCHEMA_VERSION: i32 = 1;

/// Never `seq`, `xid` or `epoch`: the database sets them, and the service's role may not.
const APPEND: &str = "\
-- append
INSERT INTO event
    (event_id, type, organization_id, path, subject_key, actor_key, record_time, salt, envelope)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Whom or what something is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An organisation.
    Organization(OrganizationId),
    /// A user.
    User(UserId),
    /// A session.
    Session(SessionId),
    /// One of the provider's two switches, by its name in policy.
    ProviderScope(&'static str),
    /// A method, in refusals that must not name an object.
    Method(String),
    /// A signing key, by its key id.
    SigningKey(String),
    /// A key of the service's keyring, by its id.
    Key(String),
}

impl Subject {
    fn to_wire(&self) -> events::Subject {
        let (kind, id) = match self {
            Self::Organization(id) => (SubjectKind::Organization, id.to_string()),
            Self::User(id) => (SubjectKind::User, id.to_string()),
            Self::Session(id) => (SubjectKind::Session, id.to_string()),
            Self::ProviderScope(name) => (SubjectKind::ProviderScope, (*name).to_owned()),
            Self::Method(method) => (SubjectKind::Method, method.clone()),
            Self::SigningKey(id) => (SubjectKind::SigningKey, id.clone()),
            Self::Key(id) => (SubjectKind::Key, id.clone()),
        };
        events::Subject { kind: kind.into(), id }
    }
}

/// An event to be recorded by a unit of work.
///
/// It holds everything but the position, which the sequencer gives. A draft may be made inside a unit that runs again:
/// only the one that commits is ever seen.
#[derive(Debug, Clone)]
pub struct Draft {
    event_id: Uuid,
    path: Vec<Uuid>,
    organization_id: Uuid,
    subject_key: Uuid,
    actor_key: Option<Uuid>,
    record_time: Timestamp,
    /// Missing when the operating system gave no randomness: the column refuses null, so that nothing is recorded then.
    salt: Option<Vec<u8>>,
    event_type: &'static str,
    event: events::Event,
    envelope: Vec<u8>,
}

impl Draft {
    /// An event that succeeded. `event_type` is `<service>.<object>.<past tense>`; `path` leads to the organisation it
    /// belongs to, which decides who may see it.
    #[must_use]
    pub fn new(
        act: &Act,
        event_type: &'static str,
        path: &OrganizationPath,
        subject: Subject,
        payload: Payload,
    ) -> Self {
        let event_id = EventId::generate();
        let subject = subject.to_wire();
        let subject_key = filter_key(&subject.id);
        let event = events::Event {
            id: event_id.to_string(),
            position: 0,
            r#type: event_type.to_owned(),
            schema_version: SCHEMA_VERSION,
            record_time: Some(wire::timestamp_to_wire(act.at)),
            organization_id: path.organization_id().to_string(),
            path: path.ids().iter().map(ToString::to_string).collect(),
            actor: Some(act.actor.to_wire()),
            peer: act.peer.clone(),
            subject: Some(subject),
            outcome: Outcome::Succeeded.into(),
            reason: String::new(),
            client: Some(act.client.to_wire()),
            request_id: act.request_id.map(|id| id.to_string()).unwrap_or_default(),
            trace_id: act.trace_id.clone(),
            payload: Some(payload),
        };
        Self {
            event_id: event_id.uuid(),
            path: path.uuids(),
            organization_id: path.organization_id().uuid(),
            subject_key,
            actor_key: act.actor.id().as_deref().map(filter_key),
            record_time: act.at,
            salt: random_bytes::<16>().ok().map(|salt| salt.to_vec()),
            event_type,
            envelope: event.encode_to_vec(),
            event,
        }
    }

    /// The same event as a refusal, for a reason.
    #[must_use]
    pub fn refused(mut self, reason: &'static str) -> Self {
        self.event.outcome = Outcome::Refused.into();
        reason.clone_into(&mut self.event.reason);
        self.envelope = self.event.encode_to_vec();
        self
    }

    /// The same event under an id that was drawn before: an attempt's own, so that one attempt cannot leave two events. A
    /// second one violates `event_pk` and undoes its unit; see [`crate::is_recorded_twice`].
    #[must_use]
    pub fn with_event_id(mut self, id: EventId) -> Self {
        self.event_id = id.uuid();
        self.event.id = id.to_string();
        self.envelope = self.event.encode_to_vec();
        self
    }

    /// The event's id, by which its position is found after the commit.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        EventId::from_uuid(self.event_id)
    }
}

/// Whether a unit failed because another one, at the same time, recorded an event under the same id
/// ([`Draft::with_event_id`]). Run again, it finds that event.
#[must_use]
pub fn is_recorded_twice(fault: &fault::Fault) -> bool {
    fault
        .cause()
        .and_then(|cause| cause.downcast_ref::<store::StoreError>())
        .is_some_and(|error| error.constraint() == Some("event_pk"))
}

impl Entry for Draft {
    fn statement(&self) -> &'static str {
        APPEND
    }

    fn label(&self) -> Label<'_> {
        let is_refusal = self.event.outcome() == Outcome::Refused;
        Label {
            kind: self.event_type,
            outcome: if is_refusal { "refused" } else { "succeeded" },
            reason: &self.event.reason,
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.event_id,
            &self.event_type,
            &self.organization_id,
            &self.path,
            &self.subject_key,
            &self.actor_key,
            &self.record_time,
            &self.salt,
            &self.envelope,
        ]
    }
}

/// A subject's or actor's id as filters compare it: the UUID itself, or for other names 16 bytes of their SHA-256.
pub(crate) fn filter_key(id: &str) -> Uuid {
    id.parse::<UserId>().map_or_else(
        |_| {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = sha256(id.as_bytes());
            Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
        },
        UserId::uuid,
    )
}
