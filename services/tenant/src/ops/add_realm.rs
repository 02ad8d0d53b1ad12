//! A further realm for an organisation's logins.

use access::SignedIn;
use async_trait::async_trait;
use eventlog::{Act, Draft};
use fault::Outcome;
use store::Unit;
use types::Realm;

use super::change::{Change, Wanted};
use super::{Call, Tenant};
use crate::domain::Organization;
use crate::domain::authority::Power;
use crate::store as rows;

/// The realm to add.
#[derive(Debug)]
pub(crate) struct AddRealm {
    pub(crate) wanted: Wanted,
    pub(crate) realm: Realm,
}

#[async_trait]
impl Change for AddRealm {
    const UNIT: &'static str = "add_realm";
    const POWER: Power = Power::AddRealm;

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
        // What stands above is looked at without a lock: a realm of an organisation that is being shut hurts nobody.
        let usable = rows::all_active(unit, present.ids_above()).await?;
        let Some(organization) = present.add_realm(&self.realm, usable, act.at)? else { return Ok(None) };
        rows::insert_realm(unit, &self.realm, organization.id()).await?;
        let event = rows::realm_added(act, &organization, &self.realm);
        Ok(Some((organization, event)))
    }
}

impl Tenant {
    /// Gives an organisation a further realm, in force everywhere when this answers.
    ///
    /// # Errors
    /// As [`Tenant::change`]; REALM_TAKEN; ORGANIZATION_NOT_ACTIVE when it or something above it is suspended.
    pub(crate) async fn add_realm(
        &self,
        caller: SignedIn,
        command: AddRealm,
        call: Call,
    ) -> Outcome<Organization> {
        self.change(caller, command, call).await
    }
}
