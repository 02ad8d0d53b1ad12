//! The end of an organisation.

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

/// Which organisation to delete, and why.
#[derive(Debug)]
pub(crate) struct DeleteOrganization {
    pub(crate) wanted: Wanted,
    pub(crate) reason: Reasoning,
}

#[async_trait]
impl Change for DeleteOrganization {
    const UNIT: &'static str = "delete_organization";
    const POWER: Power = Power::Delete;

    fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    async fn apply(
        &self,
        unit: &Unit<'_>,
        _caller: &SignedIn,
        present: &Organization,
        act: &Act,
    ) -> Outcome<Option<(Organization, Draft)>> {
        // Whoever creates or moves something below it shares its lock, so what is not there now will not come.
        let has_children = rows::has_children(unit, present.id()).await?;
        let organization = present.delete(has_children, act.at)?;
        rows::remove_realms(unit, present.id()).await?;
        let event = rows::organization_deleted(act, &organization, &self.reason);
        Ok(Some((organization, event)))
    }
}

impl Tenant {
    /// Deletes a company, or a reseller without companies, in force everywhere when this answers. Its row stays as a
    /// tombstone; its name and its realms are free.
    ///
    /// # Errors
    /// As [`Tenant::change`]; ORGANIZATION_NOT_EMPTY.
    pub(crate) async fn delete_organization(
        &self,
        caller: SignedIn,
        command: DeleteOrganization,
        call: Call,
    ) -> Outcome<()> {
        self.change(caller, command, call).await.map(drop)
    }
}
