//! Requests of `countersign.tenant.v1` as commands. What cannot be read is an INVALID_ARGUMENT that names the field.

use fault::{Fault, Outcome};
use proto::{common, tenant};
use types::{OrganizationId, OrganizationKind, Realm, Reasoning};
use wire::{id, optional_id};

use crate::domain::{Etag, Field, PageSize};
use crate::ops::{
    AddRealm, Bootstrap, CreateCompany, CreateReseller, DeleteOrganization, ListOrganizations, MoveCompany,
    OrganizationKey, SetSuspended, UpdateOrganization, Wanted,
};

pub(super) fn bootstrap(request: &tenant::BootstrapRequest) -> Outcome<Bootstrap> {
    Ok(Bootstrap { name: id("name", &request.name)?, realm: id("realm", &request.realm)? })
}

pub(super) fn create_reseller(request: &tenant::CreateResellerRequest) -> Outcome<CreateReseller> {
    Ok(CreateReseller {
        name: id("name", &request.name)?,
        realm: optional_id("realm", &request.realm)?,
        enforce_mfa: request.enforce_mfa,
    })
}

pub(super) fn create_company(request: &tenant::CreateCompanyRequest) -> Outcome<CreateCompany> {
    Ok(CreateCompany {
        reseller_id: id("reseller_id", &request.reseller_id)?,
        name: id("name", &request.name)?,
        realm: optional_id("realm", &request.realm)?,
        enforce_mfa: request.enforce_mfa,
    })
}

pub(super) fn organization_id(text: &str) -> Outcome<OrganizationId> {
    id("organization_id", text)
}

pub(super) fn list_organizations(request: &tenant::ListOrganizationsRequest) -> Outcome<ListOrganizations> {
    Ok(ListOrganizations {
        parent_id: optional_id("parent_id", &request.parent_id)?,
        kind: kind(request.kind)?,
        page_size: PageSize::asked(request.page_size)
            .ok_or_else(|| Fault::field("page_size", "must not be negative"))?,
        page_token: request.page_token.clone(),
    })
}

pub(super) fn update_organization(
    request: &tenant::UpdateOrganizationRequest,
) -> Outcome<UpdateOrganization> {
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return Err(Fault::field("update_mask", "must name the fields to change"));
    }
    // The name is the only field there is; a mask that names fields names it.
    if paths.iter().any(|path| Field::parse(path).is_none()) {
        return Err(Fault::field("update_mask", "names a field that cannot be changed"));
    }
    Ok(UpdateOrganization {
        organization_id: organization_id(&request.organization_id)?,
        name: id("name", &request.name)?,
        etag: Etag::sent(&request.etag),
    })
}

pub(super) fn add_realm(request: &tenant::AddRealmRequest) -> Outcome<AddRealm> {
    Ok(AddRealm { wanted: wanted(&request.organization_id, "")?, realm: id("realm", &request.realm)? })
}

pub(super) fn suspend_organization(request: &tenant::SuspendOrganizationRequest) -> Outcome<SetSuspended> {
    Ok(SetSuspended {
        wanted: wanted(&request.organization_id, &request.etag)?,
        suspended: true,
        reason: reason(&request.reason)?,
    })
}

pub(super) fn resume_organization(request: &tenant::ResumeOrganizationRequest) -> Outcome<SetSuspended> {
    Ok(SetSuspended {
        wanted: wanted(&request.organization_id, &request.etag)?,
        suspended: false,
        reason: reason(&request.reason)?,
    })
}

pub(super) fn move_company(request: &tenant::MoveCompanyRequest) -> Outcome<MoveCompany> {
    let organization_id = id("company_id", &request.company_id)?;
    Ok(MoveCompany {
        wanted: Wanted { organization_id, etag: Etag::sent(&request.etag) },
        reseller_id: id("reseller_id", &request.reseller_id)?,
        reason: reason(&request.reason)?,
    })
}

pub(super) fn delete_organization(
    request: &tenant::DeleteOrganizationRequest,
) -> Outcome<DeleteOrganization> {
    Ok(DeleteOrganization {
        wanted: wanted(&request.organization_id, &request.etag)?,
        reason: reason(&request.reason)?,
    })
}

fn wanted(organization: &str, etag: &str) -> Outcome<Wanted> {
    Ok(Wanted { organization_id: organization_id(organization)?, etag: Etag::sent(etag) })
}

fn reason(text: &str) -> Outcome<Reasoning> {
    id("reason", text)
}

pub(super) fn organization_key(request: &tenant::ResolveOrganizationRequest) -> Outcome<OrganizationKey> {
    use tenant::resolve_organization_request::Key;
    match &request.key {
        Some(Key::OrganizationId(text)) => organization_id(text).map(OrganizationKey::Id),
        Some(Key::Realm(text)) => id::<Realm>("realm", text).map(OrganizationKey::Realm),
        None => Err(Fault::field("key", "is required")),
    }
}

/// Only the absent value means "all": a value that this version does not know must not widen the list.
fn kind(wire: i32) -> Outcome<Option<OrganizationKind>> {
    if wire == i32::from(common::OrganizationKind::Unspecified) {
        return Ok(None);
    }
    wire::organization_kind(wire).map(Some).ok_or_else(|| Fault::field("kind", "is not known"))
}

#[cfg(test)]
mod tests;
