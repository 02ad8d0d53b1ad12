//! What changes of authority have in common: they are in force in every service before they are acknowledged.

use access::{SignedIn, within_reach};
use async_trait::async_trait;
use eventlog::{Act, Draft, request_record};
use fault::{Outcome, Reason};
use store::{Recorded, Unit};
use types::{EventId, OrganizationId};

use super::unchanged::Unchanged;
use super::{Call, Tenant};
use crate::domain::authority::{Power, permit};
use crate::domain::{Etag, Organization};
use crate::store::{self as rows, Answer};

/// An organisation that somebody wants changed.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) organization_id: OrganizationId,
    /// The state the caller has seen; none: whatever it is.
    pub(crate) etag: Option<Etag>,
}

/// One kind of change of an existing organisation.
#[async_trait]
pub(super) trait Change: Send + Sync + 'static {
    /// The unit's name.
    const UNIT: &'static str;
    /// What a caller must be entitled to.
    const POWER: Power;

    /// Which organisation.
    fn wanted(&self) -> &Wanted;

    /// Locks what stands above it, which comes before it in the one order of locks.
    async fn lock_above(&self, _unit: &Unit<'_>) -> Outcome<()> {
        Ok(())
    }

    /// Decides, for the organisation as its lock holds it, and writes what is not in its row. Nothing: it already is as
    /// asked for.
    async fn apply(
        &self,
        unit: &Unit<'_>,
        caller: &SignedIn,
        present: &Organization,
        act: &Act,
    ) -> Outcome<Option<(Organization, Draft)>>;
}

struct Context<C> {
    caller: SignedIn,
    change: C,
    act: Act,
    request: Option<request_record::Key>,
}

impl Tenant {
    /// Changes an organisation in the caller's branch and waits until identity and mfa have applied it; should we die in
    /// between, they apply it all the same. What already is as asked for is answered without an event, but waited for.
    ///
    /// A repetition with the same request id answers the same organisation, and waits again.
    ///
    /// # Errors
    /// NOT_FOUND, the same for one that is foreign, missing or deleted; ROLE_NOT_ALLOWED; ETAG_MISMATCH; what the change
    /// itself refuses; REQUEST_ID_REUSED; NOT_YET_IN_FORCE: the change stands, but not everybody has applied it in time.
    pub(super) async fn change<C: Change>(
        &self,
        caller: SignedIn,
        change: C,
        call: Call,
    ) -> Outcome<Organization> {
        let act = call.act_of(&caller, self.clock.now());
        let context = Context { caller: caller.clone(), change, act, request: call.request };
        let unit = self.store.unit(C::UNIT, context, |unit, context| Box::pin(change_one(unit, context)));
        let (event_id, organization) = match request_record::answer::<Answer>(unit.await) {
            Ok((event_id, answer)) => (Some(event_id), answer.read()?),
            Err(fault) => Unchanged::caught(fault).map(|same| (same.since, same.organization))?,
        };
        // Also of what is answered again: the caller's place may have changed since.
        within_reach(&caller, &organization.path)?;
        permit(C::POWER, caller.role, organization.kind())?;
        if let Some(event_id) = event_id {
            self.dependents.await_in_force(event_id).await?;
        }
        Ok(organization)
    }
}

async fn change_one<C: Change>(
    unit: &mut Unit<'_>,
    context: &Context<C>,
) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { caller, change, act, request } = context;
    let Wanted { organization_id, etag } = change.wanted();
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    change.lock_above(unit).await?;
    rows::lock(unit, *organization_id).await?;
    let present = rows::load_in_unit(unit, *organization_id).await?.ok_or(Reason::NotFound)?;
    within_reach(caller, &present.path)?;
    present.check(None)?;
    permit(C::POWER, caller.role, present.kind())?;
    present.check(etag.as_ref())?;
    let Some((organization, event)) = change.apply(unit, caller, &present, act).await? else {
        let since = rows::last_change(unit, present.id()).await?;
        return Err(Unchanged { organization: present, since }.leave());
    };
    let (event_id, answer) = (event.event_id(), Answer::of(&organization));
    rows::update(unit, &organization, event_id).await?;
    request_record::insert(unit, request.as_ref(), event_id, &answer, act.at).await?;
    Ok(unit.record(event).with((event_id, answer)))
}
