//! What happened to the tree, as envelopes for the log.

use access::SignedIn;
use eventlog::{Act, Draft, Subject};
use proto::events::event::Payload;
use proto::events::{CallRefused, OrganizationCreated, OrganizationUpdated};

use crate::domain::{Changed, Field, Organization};

/// `tenant.organization.created`, with the creator's wish to enforce MFA.
pub(crate) fn organization_created(act: &Act, organization: &Organization, enforce_mfa: bool) -> Draft {
    let payload = OrganizationCreated { organization: Some(organization.facts().to_wire()), enforce_mfa };
    Draft::new(
        act,
        "tenant.organization.created",
        &organization.path,
        Subject::Organization(organization.id()),
        Payload::OrganizationCreated(payload),
    )
}

/// `tenant.organization.updated`, with what it is now and which fields that changed.
pub(crate) fn organization_updated(act: &Act, changed: &Changed) -> Draft {
    let organization = &changed.organization;
    let payload = OrganizationUpdated {
        organization: Some(organization.facts().to_wire()),
        changed_fields: changed.fields.iter().copied().map(Field::as_str).map(str::to_owned).collect(),
    };
    Draft::new(
        act,
        "tenant.organization.updated",
        &organization.path,
        Subject::Organization(organization.id()),
        Payload::OrganizationUpdated(payload),
    )
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
