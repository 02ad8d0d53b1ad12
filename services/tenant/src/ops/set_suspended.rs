//! Suspending an organisation, and ending that.

use access::SignedIn;
use async_trait::async_trait;
use eventlog::{Act, Draft};
use fault::Outcome;
use store::Unit;
use types::Reasoning;

use super::change::{Change, Wanted};
use super::{Call, Tenant};
use crate::domain::Organization;
use crate::domain::authority::Power;
use crate::store as rows;

/// Whether an organisation is to be suspended or active again, and why.
#[derive(Debug)]
pub(crate) struct SetSuspended {
    pub(crate) wanted: Wanted,
    pub(crate) suspended: bool,
    pub(crate) reason: Reasoning,
}

#[async_trait]
impl Change for SetSuspended {
    const UNIT: &'static str = "set_suspended";
    const POWER: Power = Power::Suspend;

    fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    async fn apply(
        &self,
        _unit: &Unit<'_>,
        _caller: &SignedIn,
        present: &Organization,
        act: &Act,
    ) -> Outcome<Option<(Organization, Draft)>> {
        let Some(organization) = present.set_suspended(self.suspended, act.at)? else { return Ok(None) };
        let event = rows::organization_state_changed(act, &organization, &self.reason);
        Ok(Some((organization, event)))
    }
}

impl Tenant {
    /// Shuts an organisation and everything below it, or opens it again, in force everywhere when this answers.
    ///
    /// # Errors
    /// As [`Tenant::change`].
    pub(crate) async fn set_suspended(
        &self,
        caller: SignedIn,
        command: SetSuspended,
        call: Call,
    ) -> Outcome<Organization> {
        self.change(caller, command, call).await
    }
}
