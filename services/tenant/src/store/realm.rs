//! The table `realm`.

use fault::Outcome;
use store::Unit;
use types::{OrganizationId, Realm};

use super::violation::explain;

/// Gives a realm to an organisation.
///
/// # Errors
/// REALM_TAKEN.
pub(crate) async fn insert(unit: &Unit<'_>, realm: &Realm, organization_id: OrganizationId) -> Outcome<()> {
    const SQL: &str = "-- realm::insert
        INSERT INTO realm (realm, organization_id) VALUES ($1, $2)";
    unit.execute_one("realm::insert", SQL, &[&realm.as_str(), &organization_id.uuid()]).await.map_err(explain)
}

/// Takes all realms from an organisation; they are free when the unit has committed.
///
/// # Errors
/// The database's.
pub(crate) async fn remove_all(unit: &Unit<'_>, organization_id: OrganizationId) -> Outcome<()> {
    const SQL: &str = "-- realm::remove_all
        DELETE FROM realm WHERE organization_id = $1";
    unit.execute(SQL, &[&organization_id.uuid()]).await?;
    Ok(())
}
