//! What becomes of policy and factors when organisations and users change, move, leave and go.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{
    ConfigurationDestroyed, Event, OrganizationDeleted, OrganizationMoved, OrganizationStateChanged,
    RealmAdded, SubjectKind, UserDeleted, UserPasswordChanged, UserStateChanged, UserUpdated,
};
use proto::mfa::{Demand, EnforcementState};
use types::{AuthSource, OrganizationId, OrganizationPath, UserId};
use wire::{OrganizationState, UserFacts, UserState};

use super::enforcing::{company, reseller, user};
use super::fixture::{Fixture, creator, followed, refusal, user_created};
use crate::peers::{FollowIdentity, FollowTenant};

impl Fixture {
    /// tenant moves a company, identity has applied it, and mfa is told; the new path.
    pub(super) async fn move_company(
        &self,
        id: OrganizationId,
        to: &OrganizationPath,
    ) -> (OrganizationPath, Event) {
        let path = to.child(id).unwrap();
        let facts = self.peers.change_organization(id, |facts| facts.path = path.clone());
        for user in self.peers.users_of(id) {
            self.peers.move_user(user, &path);
        }
        let moved = OrganizationMoved { organization: Some(facts.to_wire()), ..Default::default() };
        let event = followed("tenant.organization.moved", Payload::OrganizationMoved(moved));
        self.follow(FollowTenant, &event).await;
        (path, event)
    }

    /// tenant deletes an organisation, and mfa is told.
    pub(super) async fn delete_organization(&self, id: OrganizationId) -> Event {
        let facts = self.peers.change_organization(id, |facts| facts.state = OrganizationState::Deleted);
        let deleted = OrganizationDeleted { organization: Some(facts.to_wire()), reason: "gone".into() };
        let event = followed("tenant.organization.deleted", Payload::OrganizationDeleted(deleted));
        self.follow(FollowTenant, &event).await;
        event
    }

    /// identity deletes a user, and mfa is told.
    pub(super) async fn delete_user(&self, id: UserId) -> Event {
        let facts = self.peers.change_user(id, |facts| facts.state = UserState::Deleted);
        let deleted = UserDeleted { user: Some(facts.to_wire()), reason: "left".into() };
        let event = followed("identity.user.deleted", Payload::UserDeleted(deleted));
        self.follow(FollowIdentity, &event).await;
        event
    }

    /// Somebody else checks the user's password from now on, and mfa is told; the facts.
    pub(super) async fn switch_source(&self, id: UserId, source: AuthSource) -> (UserFacts, Event) {
        let facts = self.peers.change_user(id, |facts| facts.auth_source = source);
        let updated = UserUpdated { user: Some(facts.to_wire()), changed_fields: vec!["auth_source".into()] };
        let event = followed("identity.user.updated", Payload::UserUpdated(updated));
        self.follow(FollowIdentity, &event).await;
        (facts, event)
    }

    async fn destructions(&self) -> Vec<(Event, ConfigurationDestroyed)> {
        let destruction = |event: Event| match event.payload.clone() {
            Some(Payload::ConfigurationDestroyed(destroyed)) => Some((event, destroyed)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(destruction).collect()
    }

    /// Path and state as mfa knows them.
    async fn organization(&self, id: OrganizationId) -> (Vec<uuid::Uuid>, String) {
        const SQL: &str = "SELECT path, state FROM organization WHERE organization_id = $1";
        let row = self.rows.query_one(SQL, &[&id.uuid()]).await.unwrap();
        (row.get(0), row.get(1))
    }

    async fn generation(&self, user: &UserFacts) -> i64 {
        self.evaluate(user).await.unwrap().generation
    }
}

#[tokio::test]
async fn a_company_takes_its_own_policy_along_and_inherits_anew() {
    let (fixture, tree) = Fixture::with_tree().await;
    let provider = &tree.provider_admin;
    fixture.enforce(provider, reseller(&tree.other_reseller)).await.unwrap();
    let id = tree.company.organization_id();
    let open = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(open.told.demand(), Demand::None);
    let (path, event) = fixture.move_company(id, &tree.other_reseller).await;

    let moved = fixture.peers.user(tree.company_admin.id);
    let told = fixture.evaluate(&moved).await.unwrap();
    assert_eq!((told.demand(), told.deciding_level()), (Demand::Enroll, proto::mfa::PolicyLevel::Reseller));
    // What the open sign-in was told holds no longer.
    assert_ne!(told.policy_version, open.told.policy_version);
    // The old reseller has nothing to say any more, the new one has, and cannot undo what is above.
    let refused = fixture.enforce(&tree.reseller_admin, company(&path)).await;
    assert_eq!(refusal(refused), Reason::NotFound);
    fixture.enforce(&tree.other_reseller_admin, company(&path)).await.unwrap();
    let locked = fixture.disable(&tree.other_reseller_admin, company(&path)).await;
    assert_eq!(refusal(locked), Reason::MfaEnforcedByParent);

    // Back again: the company's own level has come along, the other reseller's has not. A late word changes nothing.
    let (_, _) = fixture.move_company(id, &tree.reseller).await;
    fixture.follow(FollowTenant, &event).await;
    let explained = fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    assert_eq!(explained.effective_state(), EnforcementState::Enabled);
    assert_eq!(fixture.organization(id).await.0, tree.company.uuids());
}

#[tokio::test]
async fn whoever_administers_a_moved_users_company_is_asked_of_tenant() {
    let (fixture, tree) = Fixture::with_tree().await;
    // tenant has moved the company; neither identity nor mfa has heard of it.
    let path = tree.other_reseller.child(tree.company.organization_id()).unwrap();
    fixture.peers.change_organization(tree.company.organization_id(), |facts| facts.path = path);
    let refused = fixture.enforce(&tree.reseller_admin, user(&tree.company_user)).await;
    assert_eq!(refusal(refused), Reason::NotFound);
    fixture.enforce(&tree.other_reseller_admin, user(&tree.company_user)).await.unwrap();
}

#[tokio::test]
async fn suspension_and_whatever_else_happens_to_an_organisation_touch_no_policy() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let phone = fixture.enroll(&tree.company_admin).await;
    let id = tree.company.organization_id();
    for (state, event_type, told) in [
        (OrganizationState::Inactive, "tenant.organization.suspended", "suspended"),
        (OrganizationState::Active, "tenant.organization.resumed", "active"),
    ] {
        let facts = fixture.peers.change_organization(id, |facts| facts.state = state);
        let changed =
            OrganizationStateChanged { organization: Some(facts.to_wire()), reason: "unpaid".into() };
        let event = followed(event_type, Payload::OrganizationStateChanged(changed));
        fixture.follow(FollowTenant, &event).await;
        assert_eq!(fixture.organization(id).await.1, told);
    }
    let facts =
        fixture.peers.change_organization(id, |facts| facts.realms = vec!["more.example".parse().unwrap()]);
    let added = RealmAdded { organization: Some(facts.to_wire()), realm: "more.example".into() };
    fixture
        .follow(FollowTenant, &followed("tenant.organization.realm_added", Payload::RealmAdded(added)))
        .await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn with_an_organisation_goes_what_its_users_had_configured() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_admin).await;
    let elsewhere = fixture.enroll(&tree.other_reseller_admin).await;
    let under_way = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&under_way, "").await.unwrap();
    let event = fixture.delete_organization(tree.company.organization_id()).await;
    fixture.follow(FollowTenant, &event).await;

    let [(recorded, destroyed)] = &fixture.destructions().await[..] else { panic!("one event") };
    assert_eq!((destroyed.cause.as_str(), destroyed.generation), ("organization_deleted", 0));
    let subject = recorded.subject.as_ref().unwrap();
    assert_eq!(
        (subject.kind(), subject.id.clone()),
        (SubjectKind::Organization, tree.company.organization_id().to_string())
    );
    assert_eq!((recorded.path.len(), recorded.actor.clone()), (3, Some(creator())));
    assert_eq!((fixture.count("factor").await, fixture.count("pending_enrollment").await), (1, 0));
    // identity has not heard of it yet: a password alone must not open a session now that the factor is gone.
    let refused = fixture.evaluate(&tree.company_admin).await;
    assert_eq!(refusal(refused), Reason::DependencyUnavailable);
    let refused = fixture.confirm(&under_way, "000000").await;
    assert_eq!(refusal(refused), Reason::GenerationOutdated);
    // What is deleted does not exist, neither for policy nor for anybody's second factor.
    let refused = fixture.enforce(&tree.reseller_admin, company(&tree.company)).await;
    assert_eq!(refusal(refused), Reason::NotFound);
    let refused = fixture.enforce(&tree.reseller_admin, user(&tree.company_user)).await;
    assert_eq!(refusal(refused), Reason::NotFound);
    let sign_in = fixture.sign_in(&tree.other_reseller_admin).await;
    fixture.verify(&sign_in, &elsewhere.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_users_factor_is_destroyed_and_stays_so() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let open = fixture.sign_in(&tree.company_user).await;
    let event = fixture.delete_user(tree.company_user.id).await;
    fixture.follow(FollowIdentity, &event).await;
    assert_eq!(fixture.count("factor").await, 0);
    let [(recorded, destroyed)] = &fixture.destructions().await[..] else { panic!("one event") };
    assert_eq!((destroyed.cause.as_str(), destroyed.generation), ("user_deleted", 2));
    assert_eq!(destroyed.destroyed_factor_ids.len(), 1);
    assert_eq!(recorded.subject.as_ref().unwrap().id, tree.company_user.id.to_string());
    assert_eq!(refusal(fixture.verify(&open, &phone.code(&fixture)).await), Reason::GenerationOutdated);
    // A creation that is told again raises nobody from the dead.
    fixture.follow(FollowIdentity, &user_created(&tree.company_user, true)).await;
    assert_eq!(refusal(fixture.evaluate(&tree.company_user).await), Reason::DependencyUnavailable);
    assert_eq!(fixture.count("enforcement").await, 0);
}

#[tokio::test]
async fn whoever_leaves_for_another_identity_provider_comes_back_without_a_factor() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let old = fixture.enroll(&tree.company_user).await;
    let open = fixture.sign_in(&tree.company_user).await;
    let before = fixture.generation(&tree.company_user).await;
    let (external, gone) = fixture.switch_source(tree.company_user.id, AuthSource::External).await;
    let told = fixture.evaluate(&external).await.unwrap();
    assert_eq!((told.demand(), told.enforced, told.generation), (Demand::None, false, before + 1));
    assert_eq!(fixture.count("factor").await, 0);
    assert_eq!(refusal(fixture.verify(&open, &old.code(&fixture)).await), Reason::GenerationOutdated);

    let (back, _) = fixture.switch_source(tree.company_user.id, AuthSource::Local).await;
    assert_eq!(fixture.evaluate(&back).await.unwrap().demand(), Demand::Enroll);
    let new = fixture.enroll(&back).await;
    // The word of the leaving comes again: the new factor is none of its business.
    fixture.follow(FollowIdentity, &gone).await;
    let sign_in = fixture.sign_in(&back).await;
    fixture.verify(&sign_in, &new.code(&fixture)).await.unwrap();
    let causes: Vec<_> =
        fixture.destructions().await.into_iter().map(|(_, destroyed)| destroyed.cause).collect();
    assert_eq!(causes, ["user_external"]);
}

#[tokio::test]
async fn what_identity_knows_and_mfa_does_not_yet_is_waited_for() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    // Gone and back again, and neither has arrived: a factor made now would be destroyed by what is on its way.
    fixture.peers.change_user(tree.company_user.id, |facts| facts.auth_source = AuthSource::External);
    let back = fixture.peers.change_user(tree.company_user.id, |facts| facts.auth_source = AuthSource::Local);
    assert_eq!(refusal(fixture.evaluate(&back).await), Reason::DependencyUnavailable);
}

#[tokio::test]
async fn a_new_password_and_a_pause_leave_the_factor_alone() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let id = tree.company_user.id;
    let facts = fixture.peers.change_user(id, |_| ());
    let changed = UserPasswordChanged { user: Some(facts.to_wire()), by_administrator: false };
    let event = followed("identity.user.password_changed", Payload::UserPasswordChanged(changed));
    fixture.follow(FollowIdentity, &event).await;
    for (state, event_type) in
        [(UserState::Inactive, "identity.user.disabled"), (UserState::Active, "identity.user.enabled")]
    {
        let facts = fixture.peers.change_user(id, |facts| facts.state = state);
        let changed = UserStateChanged { user: Some(facts.to_wire()), reason: String::new() };
        fixture.follow(FollowIdentity, &followed(event_type, Payload::UserStateChanged(changed))).await;
    }
    let sign_in = fixture.sign_in(&fixture.peers.user(id)).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert!(fixture.destructions().await.is_empty());
}
