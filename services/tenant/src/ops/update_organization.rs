//! A change of an organisation's own fields.

use access::{SignedIn, within_reach};
use eventlog::{Act, request_record};
use fault::{Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, OrganizationId, OrganizationName};

use super::unchanged::Unchanged;
use super::{Call, Tenant};
use crate::domain::{Etag, Organization};
use crate::store::{self as rows, Answer};

/// What to change: the name, so far the only field there is.
#[derive(Debug)]
pub(crate) struct UpdateOrganization {
    pub(crate) organization_id: OrganizationId,
    pub(crate) name: OrganizationName,
    /// The state the caller has seen; none: whatever it is.
    pub(crate) etag: Option<Etag>,
}

struct Context {
    caller: SignedIn,
    command: UpdateOrganization,
    act: Act,
    request: Option<request_record::Key>,
}

impl Tenant {
    /// Renames an organisation in the caller's branch. What already is as asked for is answered as it is, without an
    /// event. Existing enrolments keep the issuer they were made with; later ones show the new name.
    ///
    /// # Errors
    /// NOT_FOUND, the same for one that is foreign and one that is missing; ETAG_MISMATCH; NAME_TAKEN; REQUEST_ID_REUSED.
    pub(crate) async fn update_organization(
        &self,
        caller: SignedIn,
        command: UpdateOrganization,
        call: Call,
    ) -> Outcome<Organization> {
        let act = call.act_of(&caller, self.clock.now());
        let context = Context { caller: caller.clone(), command, act, request: call.request };
        let unit =
            self.store.unit("update_organization", context, |unit, context| Box::pin(rename(unit, context)));
        let organization = match request_record::answer(unit.await) {
            Ok((_, answer)) => Answer::read(&answer)?,
            Err(fault) => Unchanged::caught(fault)?.organization,
        };
        // Also of what is answered again: the caller's place may have changed since.
        within_reach(&caller, &organization.path)?;
        Ok(organization)
    }
}

async fn rename(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { caller, command, act, request } = context;
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    rows::lock(unit, command.organization_id).await?;
    let present = rows::load_in_unit(unit, command.organization_id).await?.ok_or(Reason::NotFound)?;
    within_reach(caller, &present.path)?;
    let changed = present.rename(&command.name, command.etag.as_ref(), act.at)?;
    if changed.fields.is_empty() {
        return Err(Unchanged { organization: present, since: None }.leave());
    }
    rows::update_name(unit, &changed.organization).await?;
    let updated = rows::organization_updated(act, &changed);
    let (event_id, answer) = (updated.event_id(), Answer::of(&changed.organization));
    request_record::insert(unit, request.as_ref(), event_id, &answer, act.at).await?;
    Ok(unit.record(updated).with((event_id, answer)))
}
