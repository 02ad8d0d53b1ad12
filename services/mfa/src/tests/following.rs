//! What follows from the logs of tenant and identity.

use proto::events::OrganizationUpdated;
use proto::events::event::Payload;
use proto::mfa::Demand;
use types::{OrganizationId, Role};

use super::enforcing::{company, user};
use super::fixture::{Fixture, creator, organization_created, user_created};
use crate::peers::{FollowIdentity, FollowTenant};

#[tokio::test]
async fn the_creators_wish_is_applied_once_as_the_creators_act() {
    let (fixture, tree) = Fixture::with_tree().await;
    let path = tree.reseller.child(OrganizationId::generate()).unwrap();
    let created = fixture.create_organization(&path, "New company", true).await;
    let member = fixture.create_user(&path, Role::CompanyAdmin, false).await;
    assert_eq!(fixture.evaluate(&member).await.unwrap().demand(), Demand::Enroll);
    let event = fixture.events().await.pop().unwrap();
    assert_eq!((event.r#type.as_str(), event.actor), ("mfa.enforcement.enforced", Some(creator())));
    let Some(Payload::EnforcementChanged(change)) = event.payload else { panic!() };
    assert!(change.at_creation && change.enforced);

    // A later disable is not undone by a redelivery.
    fixture.disable(&tree.reseller_admin, company(&path)).await.unwrap();
    fixture.follow(FollowTenant, &created).await;
    assert_eq!(fixture.evaluate(&member).await.unwrap().demand(), Demand::None);
}

#[tokio::test]
async fn so_is_the_wish_for_a_user() {
    let (fixture, tree) = Fixture::with_tree().await;
    let facts = fixture.peers.add_user(&tree.company, Role::CompanyUser, types::AuthSource::Local);
    let created = user_created(&facts, true);
    fixture.follow(FollowIdentity, &created).await;
    assert_eq!(fixture.evaluate(&facts).await.unwrap().demand(), Demand::Enroll);
    fixture.disable(&tree.company_admin, user(&facts)).await.unwrap();
    fixture.follow(FollowIdentity, &created).await;
    assert_eq!(fixture.evaluate(&facts).await.unwrap().demand(), Demand::None);
}

#[tokio::test]
async fn the_wish_does_not_override_what_somebody_set_meanwhile() {
    let (fixture, tree) = Fixture::with_tree().await;
    let path = tree.reseller.child(OrganizationId::generate()).unwrap();
    let facts = fixture.peers.add_organization(path.clone(), "In a hurry");
    fixture.disable(&tree.reseller_admin, company(&path)).await.unwrap();
    fixture.follow(FollowTenant, &organization_created(&facts, true)).await;
    let member = fixture.create_user(&path, Role::CompanyAdmin, false).await;
    assert_eq!(fixture.evaluate(&member).await.unwrap().demand(), Demand::None);
}

#[tokio::test]
async fn a_new_name_is_the_issuer_of_later_enrolments_and_older_facts_are_ignored() {
    let (fixture, tree) = Fixture::with_tree().await;
    let mut facts = fixture.peers.add_organization(tree.company.clone(), "Renamed");
    for (version, name) in [(5, "Renamed"), (4, "Older")] {
        facts.version = version;
        facts.name = name.parse().unwrap();
        let mut event = organization_created(&facts, false);
        event.payload = Some(Payload::OrganizationUpdated(OrganizationUpdated {
            organization: Some(facts.to_wire()),
            changed_fields: vec!["name".into()],
        }));
        fixture.follow(FollowTenant, &event).await;
    }
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    assert!(phone.shown.otpauth_uri.contains("issuer=Renamed&"), "{}", phone.shown.otpauth_uri);
}
