//! What creating a reseller and creating a company have in common: all but the level.

use access::{SignedIn, within_reach};
use eventlog::{Act, request_record};
use fault::{Outcome, Reason};
use host::ClockGuard;
use store::{Recorded, Unit};
use types::{EventId, OrganizationId, OrganizationKind, OrganizationName, Realm};

use super::{Call, Tenant};
use crate::domain::Organization;
use crate::store::{self as rows, Answer};

/// The organisation to create, and below which.
pub(super) struct Child {
    pub(super) parent_id: OrganizationId,
    pub(super) kind: OrganizationKind,
    pub(super) name: OrganizationName,
    pub(super) realm: Option<Realm>,
    pub(super) enforce_mfa: bool,
}

/// What the unit works with, drawn before it, because it may run again.
struct Context {
    caller: SignedIn,
    child: Child,
    id: OrganizationId,
    act: Act,
    request: Option<request_record::Key>,
    clock_guard: ClockGuard,
}

impl Tenant {
    /// Creates an organisation below one in the caller's branch. With `enforce_mfa` the wish stands in the event, mfa
    /// applies it on first sight, and the answer waits for that; should we die in between, it happens all the same.
    ///
    /// A repetition with the same request id answers the same organisation, and waits again.
    ///
    /// # Errors
    /// NOT_FOUND for a parent that is foreign, missing or of another level; ORGANIZATION_NOT_ACTIVE for one that is
    /// suspended; NAME_TAKEN; REALM_TAKEN; REQUEST_ID_REUSED; CLOCK_NOT_TRUSTED, with `enforce_mfa`; NOT_YET_IN_FORCE: the
    /// organisation exists, but mfa has not applied the enforcement in time.
    pub(super) async fn create_child(
        &self,
        caller: SignedIn,
        child: Child,
        call: Call,
    ) -> Outcome<Organization> {
        let enforce_mfa = child.enforce_mfa;
        let act = call.act_of(&caller, self.clock.now());
        let id = OrganizationId::generate();
        let clock_guard = self.clock_guard.clone();
        let context = Context { caller: caller.clone(), child, id, act, request: call.request, clock_guard };
        let unit =
            self.store.unit("create_organization", context, |unit, context| Box::pin(create(unit, context)));
        let (event_id, answer) = request_record::answer(unit.await)?;
        let organization = Answer::read(&answer)?;
        // Also of what is answered again: the caller's place may have changed since.
        within_reach(&caller, &organization.path)?;
        if enforce_mfa {
            self.enforcers.await_in_force(event_id).await?;
        }
        Ok(organization)
    }
}

async fn create(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { caller, child, id, act, request, clock_guard } = context;
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    rows::share(unit, child.parent_id).await?;
    let parent = rows::load_in_unit(unit, child.parent_id).await?.ok_or(Reason::NotFound)?;
    within_reach(caller, &parent.path)?;
    if child.enforce_mfa {
        clock_guard.trusted()?;
    }
    let organization = parent.child(child.kind, *id, child.name.clone(), child.realm.clone(), act.at)?;
    rows::insert(unit, &organization).await?;
    let created = rows::organization_created(act, &organization, child.enforce_mfa);
    let (event_id, answer) = (created.event_id(), Answer::of(&organization));
    request_record::insert(unit, request.as_ref(), event_id, &answer, act.at).await?;
    Ok(unit.record(created).with((event_id, answer)))
}
