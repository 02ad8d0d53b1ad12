//! Which events: what the caller asks for, and what the caller may see at all.

use access::{Caller, Peer};
use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::sha256;
use prost::Message;
use proto::events::EventFilter;
use store::StoreError;
use types::{OrganizationId, OrganizationKind};
use uuid::Uuid;

use crate::draft::filter_key;
use crate::log::Log;
use crate::places::Places;
use crate::rows::{Placed, query};

/// The most types a filter may name.
const MOST_TYPES: usize = 100;
/// The longest type, in bytes.
const LONGEST_TYPE: usize = 100;
/// The longest id of a subject or actor, in bytes.
const LONGEST_TEXT: usize = 256;
/// The services, which follow each other's logs and see everything.
const SERVICES: [&str; 3] = [Peer::TENANT, Peer::IDENTITY, Peer::MFA];

/// What a caller may see, by its place in the tree as recorded in the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Stands for the scope in cursors: they are good in no other.
    pub(crate) label: String,
    /// The caller's own organisation and what it is; none for a service.
    own: Option<(OrganizationId, OrganizationKind)>,
}

impl Scope {
    /// # Errors
    /// TOKEN_INVALID for a peer that is no service and calls for no user; ROLE_NOT_ALLOWED for a role that does not belong to its
    /// organisation's level.
    pub(crate) fn of(caller: &Caller) -> Outcome<Self> {
        let Some(user) = &caller.user else {
            if SERVICES.contains(&caller.peer.as_str()) {
                return Ok(Self { label: format!("peer {}", caller.peer), own: None });
            }
            return Err(Reason::TokenInvalid.into());
        };
        let kind = user.path.kind();
        if user.role.organization_kind() != kind {
            return Err(Reason::RoleNotAllowed.into());
        }
        let id = user.organization_id();
        Ok(Self { label: format!("organization {id}"), own: Some((id, kind)) })
    }

    /// Whether this is a service and not a user.
    pub(crate) fn is_service(&self) -> bool {
        self.own.is_none()
    }

    /// Whether an event lies in the caller's branch. The provider's branch is everything.
    pub(crate) fn sees(&self, row: &Placed) -> bool {
        match self.own {
            None | Some((_, OrganizationKind::Provider)) => true,
            Some((id, OrganizationKind::Reseller)) => row.reseller_id == Some(id.uuid()),
            Some((id, OrganizationKind::Company)) => row.organization_id == id.uuid(),
        }
    }
}

/// What the caller asks for, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    organization_id: Option<OrganizationId>,
    include_descendants: bool,
    subject_id: Option<String>,
    actor_id: Option<String>,
    types: Vec<String>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    /// Stands for the filter in cursors.
    pub(crate) fingerprint: [u8; 32],
}

impl Filter {
    /// # Errors
    /// INVALID_ARGUMENT naming the field.
    pub(crate) fn parse(wire: EventFilter) -> Outcome<Self> {
        let mut wire = wire;
        if wire.types.len() > MOST_TYPES {
            return Err(Fault::field("types", "names too many types"));
        }
        if !wire.types.iter().all(|name| is_type(name)) {
            return Err(Fault::field("types", "holds what is no type"));
        }
        wire.types.sort();
        wire.types.dedup();
        let time = |field, wire: &Option<prost_types::Timestamp>| {
            wire.as_ref().map(|wire| wire::timestamp(field, wire)).transpose()
        };
        let filter = Self {
            organization_id: wire::optional_id("organization_id", &wire.organization_id)?,
            include_descendants: wire.include_descendants,
            subject_id: text("subject_id", &wire.subject_id)?,
            actor_id: text("actor_id", &wire.actor_id)?,
            start_time: time("start_time", &wire.start_time)?,
            end_time: time("end_time", &wire.end_time)?,
            fingerprint: sha256(&wire.encode_to_vec()),
            types: wire.types,
        };
        if filter.start_time.zip(filter.end_time).is_some_and(|(start, end)| start > end) {
            return Err(Fault::field("end_time", "is before start_time"));
        }
        Ok(filter)
    }
}

/// Whether a text has the form of a type. It goes into SQL as it is, and the database takes not every text.
fn is_type(name: &str) -> bool {
    (1..=LONGEST_TYPE).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
}

fn text(field: &'static str, text: &str) -> Outcome<Option<String>> {
    if text.len() > LONGEST_TEXT {
        return Err(Fault::field(field, "is too long"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// What is read: the filter within the scope, as conditions on a row, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    pub(crate) organization: Option<Uuid>,
    pub(crate) reseller: Option<Uuid>,
    pub(crate) subject: Option<Key>,
    pub(crate) actor: Option<Key>,
    /// Sorted; empty for all.
    pub(crate) types: Vec<String>,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) end_time: Option<Timestamp>,
}

/// A subject or actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) key: Uuid,
    /// Whether it is somebody or something in particular, with few events, and not a service or a method with many.
    pub(crate) is_rare: bool,
}

impl Key {
    fn of(id: &str) -> Self {
        Self { key: filter_key(id), is_rare: id.parse::<OrganizationId>().is_ok() }
    }
}

impl Selection {
    /// # Errors
    /// NOT_FOUND for an organisation outside the scope, and for one that does not exist; DEPENDENCY_UNAVAILABLE when the log
    /// has nothing of it to show and nobody says whether it lies in the scope.
    pub(crate) async fn resolve(
        log: &Log,
        places: &dyn Places,
        scope: &Scope,
        filter: &Filter,
    ) -> Outcome<Self> {
        let mut selection = Self {
            subject: filter.subject_id.as_deref().map(Key::of),
            actor: filter.actor_id.as_deref().map(Key::of),
            types: filter.types.clone(),
            start_time: filter.start_time,
            end_time: filter.end_time,
            ..Self::default()
        };
        let own = scope.own.map(|(id, _)| id);
        let Some(id) = filter.organization_id.or(own) else { return Ok(selection) };
        let kind = match scope.own {
            Some((own, kind)) if own == id => kind,
            Some((_, OrganizationKind::Company)) => return Err(Reason::NotFound.into()),
            Some((own, OrganizationKind::Reseller)) => {
                selection.reseller = Some(own.uuid());
                kind_of(log, places, id, Some(own)).await?
            }
            Some((_, OrganizationKind::Provider)) | None => kind_of(log, places, id, None).await?,
        };
        match (kind, filter.include_descendants) {
            // Above the provider there is nothing, and beside it neither.
            (OrganizationKind::Provider, true) => {}
            (OrganizationKind::Reseller, true) => selection.reseller = Some(id.uuid()),
            (_, false) | (OrganizationKind::Company, true) => selection.organization = Some(id.uuid()),
        }
        Ok(selection)
    }

    /// Whether a row is selected.
    pub(crate) fn matches(&self, row: &Placed) -> bool {
        self.organization.is_none_or(|id| id == row.organization_id)
            && self.reseller.is_none_or(|id| Some(id) == row.reseller_id)
            && self.subject.is_none_or(|subject| subject.key == row.subject_key)
            && self.actor.is_none_or(|actor| Some(actor.key) == row.actor_key)
            && (self.types.is_empty() || self.types.binary_search(&row.event_type).is_ok())
            && self.start_time.is_none_or(|start| row.record_time >= start)
            && self.end_time.is_none_or(|end| row.record_time < end)
    }
}

/// What an organisation is, within a reseller's branch or anywhere: by what the log has of it there, even where it no longer
/// is; by its present place, where the log has nothing yet.
///
/// # Errors
/// NOT_FOUND, in the same words and after the same questions, for a foreign organisation and for none.
async fn kind_of(
    log: &Log,
    places: &dyn Places,
    id: OrganizationId,
    within: Option<OrganizationId>,
) -> Outcome<OrganizationKind> {
    if let Some(kind) = recorded_kind_of(log, id, within).await? {
        return Ok(kind);
    }
    let path = places.path_of(id).await?.filter(|path| path.organization_id() == id);
    let path = path.filter(|path| within.is_none_or(|own| path.lies_in_branch_of(own)));
    path.map(|path| path.kind()).ok_or_else(|| Reason::NotFound.into())
}

/// What an organisation is, as far as the log knows it: within a reseller's branch, or anywhere.
async fn recorded_kind_of(
    log: &Log,
    id: OrganizationId,
    within: Option<OrganizationId>,
) -> Result<Option<OrganizationKind>, StoreError> {
    // Each part is one probe of an index.
    const SQL: &str = "\
-- filter::recorded_kind_of
SELECT
    (SELECT CASE WHEN reseller_id IS NULL THEN 1 WHEN reseller_id = organization_id THEN 2 ELSE 3 END
        FROM event_position WHERE organization_id = $1 AND ($2::uuid IS NULL OR reseller_id = $2)
        ORDER BY type, position LIMIT 1),
    CASE WHEN $2::uuid IS NULL THEN
        (SELECT 2 FROM event_position WHERE reseller_id = $1 ORDER BY type, position LIMIT 1) END,
    CASE WHEN $2::uuid IS NULL THEN
        (SELECT 1 FROM event WHERE path[1] = $1 AND event_id = (
            SELECT event_id FROM event_position ORDER BY position DESC LIMIT 1)) END";
    let rows = query(log.reads(), SQL, &[&id.uuid(), &within.map(OrganizationId::uuid)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let [own, above, root]: [Option<i32>; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
    Ok(match own.or(above).or(root) {
        Some(1) => Some(OrganizationKind::Provider),
        Some(2) => Some(OrganizationKind::Reseller),
        Some(_) => Some(OrganizationKind::Company),
        None => None,
    })
}
