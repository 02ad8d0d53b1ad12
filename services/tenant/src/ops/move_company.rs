//! A company on its way to another reseller.

use access::{SignedIn, within_reach};
use async_trait::async_trait;
use eventlog::{Act, Draft};
use fault::{Outcome, Reason};
use store::Unit;
use types::{OrganizationId, Reasoning};

use super::change::{Change, Wanted};
use super::{Call, Tenant};
use crate::domain::Organization;
use crate::domain::authority::Power;
use crate::store as rows;

/// Which company to move where, and why.
#[derive(Debug)]
pub(crate) struct MoveCompany {
    pub(crate) wanted: Wanted,
    pub(crate) reseller_id: OrganizationId,
    pub(crate) reason: Reasoning,
}

#[async_trait]
impl Change for MoveCompany {
    const UNIT: &'static str = "move_company";
    const POWER: Power = Power::Move;

    fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The new reseller is shared, as for a new company: it is not suspended or deleted while this one arrives. The old one
    /// needs no lock, since nothing that is decided here depends on it; so there are never two resellers to order.
    async fn lock_above(&self, unit: &Unit<'_>) -> Outcome<()> {
        Ok(rows::share(unit, self.reseller_id).await?)
    }

    async fn apply(
        &self,
        unit: &Unit<'_>,
        caller: &SignedIn,
        present: &Organization,
        act: &Act,
    ) -> Outcome<Option<(Organization, Draft)>> {
        let reseller = rows::load_in_unit(unit, self.reseller_id).await?.ok_or(Reason::NotFound)?;
        within_reach(caller, &reseller.path)?;
        let Some(organization) = present.move_below(&reseller, act.at)? else { return Ok(None) };
        let event = rows::organization_moved(act, &organization, &present.path, &self.reason);
        Ok(Some((organization, event)))
    }
}

impl Tenant {
    /// Moves a company, in force everywhere when this answers.
    ///
    /// # Errors
    /// As [`Tenant::change`]; NOT_FOUND also for what is no company or no reseller; NAME_TAKEN below the new reseller;
    /// ORGANIZATION_NOT_ACTIVE when the new reseller is suspended.
    pub(crate) async fn move_company(
        &self,
        caller: SignedIn,
        command: MoveCompany,
        call: Call,
    ) -> Outcome<Organization> {
        self.change(caller, command, call).await
    }
}
