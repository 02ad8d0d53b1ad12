//! What happened to the tree, as envelopes for the log.

use access::SignedIn;
use eventlog::{Act, Draft, Subject};
use proto::events::event::Payload;
use proto::events::{
    CallRefused, OrganizationCreated, OrganizationDeleted, OrganizationMoved, OrganizationStateChanged,
    OrganizationUpdated, RealmAdded,
};
use types::{OrganizationPath, Realm, Reasoning};
use wire::OrganizationState;

use crate::domain::{Changed, Field, Organization};

/// `tenant.organization.created`, with the creator's wish to enforce MFA.
pub(crate) fn organization_created(act: &Act, organization: &Organization, enforce_mfa: bool) -> Draft {
    let payload = OrganizationCreated { organization: Some(organization.facts().to_wire()), enforce_mfa };
    of(act, "tenant.organization.created", organization, Payload::OrganizationCreated(payload))
}

/// `tenant.organization.updated`, with what it is now and which fields that changed.
pub(crate) fn organization_updated(act: &Act, changed: &Changed) -> Draft {
    let organization = &changed.organization;
    let payload = OrganizationUpdated {
        organization: Some(organization.facts().to_wire()),
        changed_fields: changed.fields.iter().copied().map(Field::as_str).map(str::to_owned).collect(),
    };
    of(act, "tenant.organization.updated", organization, Payload::OrganizationUpdated(payload))
}

/// `tenant.organization.realm_added`, with what it is now.
pub(crate) fn realm_added(act: &Act, organization: &Organization, realm: &Realm) -> Draft {
    let payload = RealmAdded { organization: Some(organization.facts().to_wire()), realm: realm.to_string() };
    of(act, "tenant.organization.realm_added", organization, Payload::RealmAdded(payload))
}

/// `tenant.organization.suspended` or `tenant.organization.resumed`, by its state now.
pub(crate) fn organization_state_changed(
    act: &Act,
    organization: &Organization,
    reason: &Reasoning,
) -> Draft {
    let event_type = match organization.state {
        OrganizationState::Active => "tenant.organization.resumed",
        OrganizationState::Inactive | OrganizationState::Deleted => "tenant.organization.suspended",
    };
    let payload = OrganizationStateChanged {
        organization: Some(organization.facts().to_wire()),
        reason: reason.to_string(),
    };
    of(act, event_type, organization, Payload::OrganizationStateChanged(payload))
}

/// `tenant.organization.moved`, under the path where it is now.
pub(crate) fn organization_moved(
    act: &Act,
    organization: &Organization,
    previous: &OrganizationPath,
    reason: &Reasoning,
) -> Draft {
    let payload = OrganizationMoved {
        organization: Some(organization.facts().to_wire()),
        previous_path: previous.ids().iter().map(ToString::to_string).collect(),
        reason: reason.to_string(),
    };
    of(act, "tenant.organization.moved", organization, Payload::OrganizationMoved(payload))
}

/// `tenant.organization.deleted`, with the last that is to be known of it.
pub(crate) fn organization_deleted(act: &Act, organization: &Organization, reason: &Reasoning) -> Draft {
    let payload = OrganizationDeleted {
        organization: Some(organization.facts().to_wire()),
        reason: reason.to_string(),
    };
    of(act, "tenant.organization.deleted", organization, Payload::OrganizationDeleted(payload))
}

/// What happened to an organisation, where it is now.
fn of(act: &Act, event_type: &'static str, organization: &Organization, payload: Payload) -> Draft {
    Draft::new(act, event_type, &organization.path, Subject::Organization(organization.id()), payload)
}

/// `tenant.call.refused`. It belongs to the caller's own organisation and names the method, never the object: the log of
/// the caller's branch must not tell whether a foreign object exists.
pub(crate) fn call_refused(act: &Act, caller: &SignedIn, method: &str, reason: &'static str) -> Draft {
    Draft::new(
        act,
        "tenant.call.refused",
        &caller.path,
        Subject::Method(method.to_owned()),
        Payload::CallRefused(CallRefused { method: method.to_owned(), reason: reason.to_owned() }),
    )
    .refused(reason)
}
