//! The table `realm`.

use fault::Outcome;
use store::Unit;
use types::{OrganizationId, Realm};

use super::violation::explain;

/// Gives a realm to an organisation.
///
/// # Errors
/// REALM_TAKEN.
pub(super) async fn insert(unit: &Unit<'_>, realm: &Realm, organization_id: OrganizationId) -> Outcome<()> {
    const SQL: &str = "-- realm::insert
        INSERT INTO realm (realm, organization_id) VALUES ($1, $2)";
    unit.execute_one("realm::insert", SQL, &[&realm.as_str(), &organization_id.uuid()]).await.map_err(explain)
}
