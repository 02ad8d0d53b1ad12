//! Enforcing, disabling and re-enabling.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{EnforcementChanged, SubjectKind};
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::target::Target as Kind;
use proto::mfa::{
    Demand, DisableMfaRequest, EnforceMfaRequest, Enforcement, EnforcementState, ReenableMfaRequest, Target,
};
use tonic::Status;
use types::{OrganizationPath, RequestId, Role};
use wire::UserFacts;

use super::fixture::{Fixture, by, refusal, session, stranger};

pub(super) fn company(path: &OrganizationPath) -> Option<Target> {
    Some(Target { target: Some(Kind::CompanyId(path.organization_id().to_string())) })
}

pub(super) fn reseller(path: &OrganizationPath) -> Option<Target> {
    Some(Target { target: Some(Kind::ResellerId(path.organization_id().to_string())) })
}

pub(super) fn user(user: &UserFacts) -> Option<Target> {
    Some(Target { target: Some(Kind::UserId(user.id.to_string())) })
}

impl Fixture {
    pub(super) async fn enforce(
        &self,
        actor: &UserFacts,
        target: Option<Target>,
    ) -> Result<Enforcement, Status> {
        let request = EnforceMfaRequest { target, reason: "rollout".into(), ..Default::default() };
        let answer = self.policy.enforce_mfa(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enforcement.unwrap())
    }

    pub(super) async fn disable(
        &self,
        actor: &UserFacts,
        target: Option<Target>,
    ) -> Result<Enforcement, Status> {
        let request = DisableMfaRequest { target, reason: "lost phone".into(), ..Default::default() };
        let answer = self.policy.disable_mfa(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enforcement.unwrap())
    }

    pub(super) async fn reenable(
        &self,
        actor: &UserFacts,
        target: Option<Target>,
    ) -> Result<Enforcement, Status> {
        let request = ReenableMfaRequest { target, reason: "again".into(), ..Default::default() };
        let answer = self.policy.reenable_mfa(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enforcement.unwrap())
    }

    async fn changes(&self) -> Vec<(String, EnforcementChanged)> {
        let change = |event: proto::events::Event| match event.payload {
            Some(Payload::EnforcementChanged(change)) => Some((event.r#type, change)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(change).collect()
    }
}

#[tokio::test]
async fn enforced_disabled_and_reenabled_are_told_apart_with_the_actor() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    let enforced = fixture.enforce(actor, target.clone()).await.unwrap();
    assert_eq!(enforced.effective_state(), EnforcementState::Enabled);
    assert!(enforced.can_disable);
    let disabled = fixture.disable(actor, target.clone()).await.unwrap();
    assert_eq!(disabled.effective_state(), EnforcementState::Disabled);
    fixture.reenable(actor, target.clone()).await.unwrap();

    let changes = fixture.changes().await;
    let told: Vec<_> =
        changes.iter().map(|(name, change)| (name.as_str(), change.enforced, change.version)).collect();
    assert_eq!(
        told,
        [
            ("mfa.enforcement.enforced", true, 1),
            ("mfa.enforcement.disabled", false, 2),
            ("mfa.enforcement.reenabled", true, 3)
        ]
    );
    for event in fixture.events().await {
        let (acting, subject) = (event.actor.unwrap(), event.subject.unwrap());
        assert_eq!(
            (acting.id, acting.role),
            (actor.id.to_string(), proto::common::Role::ResellerAdmin.into())
        );
        assert_eq!(subject.kind(), SubjectKind::Organization);
        assert_eq!(event.organization_id, tree.company.organization_id().to_string());
        assert_eq!(event.path.len(), 3);
    }
    // Each answered only when it was in force.
    assert_eq!(fixture.peers.awaited().len(), 3);
}

#[tokio::test]
async fn asking_for_what_is_so_changes_nothing_and_still_waits_until_it_is_in_force() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    fixture.peers.set_behind(true);
    assert_eq!(refusal(fixture.enforce(actor, target.clone()).await), Reason::NotYetInForce);
    // The change stands, and a retry, with or without a request id, waits for the same event.
    assert_eq!(refusal(fixture.enforce(actor, target.clone()).await), Reason::NotYetInForce);
    fixture.peers.set_behind(false);
    fixture.enforce(actor, target).await.unwrap();
    assert_eq!(fixture.changes().await.len(), 1);
    let awaited = fixture.peers.awaited();
    assert_eq!(awaited, [awaited[0]; 3]);
}

#[tokio::test]
async fn a_repetition_with_the_same_request_id_waits_again_and_other_content_is_refused() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (caller, request_id) = (session(&tree.reseller_admin), RequestId::generate().to_string());
    let request = EnforceMfaRequest {
        request_id: request_id.clone(),
        target: company(&tree.company),
        reason: "rollout".into(),
        ..Default::default()
    };
    fixture.policy.enforce_mfa(by(&caller, request.clone())).await.unwrap();
    fixture.disable(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    // The lost answer is asked for again: it must not enforce a second time.
    let again = fixture.policy.enforce_mfa(by(&caller, request.clone())).await.unwrap().into_inner();
    assert_eq!(again.enforcement.unwrap().own_state(), EnforcementState::Disabled);
    let awaited = fixture.peers.awaited();
    assert_eq!((awaited.len(), awaited[2]), (3, awaited[0]));
    let other = EnforceMfaRequest { reason: "other".into(), ..request };
    assert_eq!(refusal(fixture.policy.enforce_mfa(by(&caller, other)).await), Reason::RequestIdReused);
    assert_eq!(fixture.changes().await.len(), 2);
}

#[tokio::test]
async fn a_level_above_locks_organisations_and_not_the_reset_of_users() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap();
    let locked = fixture.disable(&tree.reseller_admin, company(&tree.company)).await;
    assert_eq!(refusal(locked), Reason::MfaEnforcedByParent);
    let reset = fixture.disable(&tree.reseller_admin, user(&tree.company_admin)).await.unwrap();
    assert_eq!(reset.effective_state(), EnforcementState::EnabledByInheritance);
    assert_eq!(reset.deciding_level(), proto::mfa::PolicyLevel::Reseller);
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::Enroll);
}

#[tokio::test]
async fn disabling_and_reenabling_a_user_resets_them_and_never_lets_a_password_through() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let old = fixture.enroll(&tree.company_admin).await;
    let open = fixture.sign_in(&tree.company_admin).await;

    fixture.disable(&tree.reseller_admin, user(&tree.company_admin)).await.unwrap();
    assert_eq!(refusal(fixture.verify(&open, &old.code(&fixture)).await), Reason::GenerationOutdated);
    assert_eq!(fixture.evaluate(&tree.company_admin).await.unwrap().demand(), Demand::Enroll);
    let between = fixture.sign_in(&tree.company_admin).await;
    fixture.reenable(&tree.reseller_admin, user(&tree.company_admin)).await.unwrap();
    assert_eq!(refusal(fixture.begin(&between, "").await.map(drop)), Reason::GenerationOutdated);

    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Enroll);
    let new = fixture.enroll(&tree.company_admin).await;
    let next = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.verify(&next, &old.code(&fixture)).await), Reason::CodeRefused);
    fixture.verify(&next, &new.code(&fixture)).await.unwrap();

    let changes = fixture.changes().await;
    let of_user: Vec<_> = changes.iter().filter(|(_, change)| change.level == "user").collect();
    assert_eq!(of_user.len(), 2);
    assert_eq!((of_user[0].1.configuration_destroyed, of_user[0].1.generation), (true, 2));
    assert_eq!((of_user[1].1.configuration_destroyed, of_user[1].1.generation), (false, 2));
}

#[tokio::test]
async fn keep_factors_lifts_the_users_own_enforcement_and_nothing_else() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.company_admin, user(&tree.company_user)).await.unwrap();
    let phone = fixture.enroll(&tree.company_user).await;
    let request = DisableMfaRequest {
        target: user(&tree.company_user),
        reason: "a pilot ends".into(),
        keep_factors: true,
        ..Default::default()
    };
    fixture.policy.disable_mfa(by(&session(&tree.company_admin), request)).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!((sign_in.told.demand(), sign_in.told.enforced), (Demand::Verify, false));
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn every_disable_of_a_user_is_a_reset_with_a_reason_of_its_own() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.company_admin, user(&tree.company_user));
    for reason in ["", "  "] {
        let request =
            DisableMfaRequest { target: target.clone(), reason: reason.into(), ..Default::default() };
        let refused = fixture.policy.disable_mfa(by(&session(actor), request)).await;
        assert_eq!(refusal(refused), Reason::InvalidArgument);
    }
    // An organisation's needs none.
    let request = DisableMfaRequest { target: company(&tree.company), ..Default::default() };
    fixture.policy.disable_mfa(by(&session(&tree.reseller_admin), request)).await.unwrap();

    fixture.enroll(&tree.company_user).await;
    fixture.disable(actor, target.clone()).await.unwrap();
    // Nothing is left to destroy; still, whatever began meanwhile dies, and it is on the log.
    let open = fixture.sign_in(&tree.company_user).await;
    let request = DisableMfaRequest {
        target: target.clone(),
        reason: "stolen session".into(),
        request_id: RequestId::generate().to_string(),
        ..Default::default()
    };
    for _ in 0..2 {
        fixture.policy.disable_mfa(by(&session(actor), request.clone())).await.unwrap();
    }
    assert_eq!(refusal(fixture.begin(&open, "").await.map(drop)), Reason::GenerationOutdated);
    let of_user: Vec<_> =
        fixture.changes().await.into_iter().filter(|(_, change)| change.level == "user").collect();
    let told: Vec<_> =
        of_user.iter().map(|(_, change)| (change.configuration_destroyed, change.generation)).collect();
    assert_eq!(told, [(true, 2), (true, 3)]);
    assert_eq!(fixture.evaluate(&tree.company_user).await.unwrap().generation, 3);
    // Both are waited for, a repetition for the same one.
    let awaited = fixture.peers.awaited();
    assert_eq!(awaited.len(), 4);
    assert_eq!(awaited[2], awaited[3]);
    // Keeping the factors destroys nothing, so that asking twice changes nothing.
    let keep = DisableMfaRequest { keep_factors: true, request_id: String::new(), ..request };
    fixture.policy.disable_mfa(by(&session(actor), keep)).await.unwrap();
    assert_eq!(fixture.evaluate(&tree.company_user).await.unwrap().generation, 3);
}

#[tokio::test]
async fn authority_is_decided_on_the_target() {
    let (fixture, tree) = Fixture::with_tree().await;
    let operator = fixture.create_user(&tree.reseller, Role::ResellerOperator, false).await;
    let provider_operator = fixture.create_user(&tree.provider, Role::ProviderOperator, false).await;
    for (actor, target, reason) in [
        (&provider_operator, reseller(&tree.reseller), Reason::RoleNotAllowed),
        (&provider_operator, user(&tree.provider_admin), Reason::TargetOutranksActor),
        (&tree.reseller_admin, reseller(&tree.other_reseller), Reason::NotFound),
        (&tree.company_admin, company(&tree.company), Reason::RoleNotAllowed),
        (&tree.company_admin, reseller(&tree.reseller), Reason::NotFound),
        (&tree.company_admin, user(&tree.company_admin), Reason::SelfAdministration),
        (&tree.reseller_admin, reseller(&tree.reseller), Reason::RoleNotAllowed),
        (&tree.reseller_admin, company(&tree.other_company), Reason::NotFound),
        (&tree.other_reseller_admin, company(&tree.company), Reason::NotFound),
        (&tree.other_reseller_admin, user(&tree.company_user), Reason::NotFound),
        (&operator, user(&tree.reseller_admin), Reason::RoleNotAllowed),
        (&tree.reseller_admin, user(&tree.reseller_admin), Reason::SelfAdministration),
        (&tree.reseller_admin, user(&tree.provider_admin), Reason::NotFound),
        // A company named as a reseller does not exist, and neither does somebody nobody has heard of.
        (&tree.provider_admin, reseller(&tree.company), Reason::NotFound),
        (
            &tree.provider_admin,
            Some(Target { target: Some(Kind::UserId(stranger().to_string())) }),
            Reason::NotFound,
        ),
        (&tree.provider_admin, None, Reason::InvalidArgument),
    ] {
        assert_eq!(refusal(fixture.enforce(actor, target.clone()).await), reason, "{target:?}");
        assert_eq!(refusal(fixture.disable(actor, target.clone()).await), reason, "{target:?}");
        assert_eq!(refusal(fixture.reenable(actor, target.clone()).await), reason, "{target:?}");
    }
    assert_eq!(fixture.count("enforcement").await, 0);
    fixture.enforce(&operator, company(&tree.company)).await.unwrap();
    // Power is decided on fresh facts, or not at all.
    fixture.peers.set_away(true);
    let refused = fixture.disable(&operator, company(&tree.company)).await;
    assert_eq!(refusal(refused), Reason::DependencyUnavailable);
}

#[tokio::test]
async fn re_enabling_needs_a_disable_and_etags_a_fresh_look() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.reseller_admin, company(&tree.company));
    assert_eq!(refusal(fixture.reenable(actor, target.clone()).await), Reason::MfaNotDisabled);
    let seen = fixture.enforce(actor, target.clone()).await.unwrap().etag;
    assert_eq!(refusal(fixture.reenable(actor, target.clone()).await), Reason::MfaNotDisabled);
    let request =
        |etag: &str| DisableMfaRequest { target: target.clone(), etag: etag.into(), ..Default::default() };
    let stale = fixture.policy.disable_mfa(by(&session(actor), request("v0"))).await;
    assert_eq!(refusal(stale), Reason::EtagMismatch);
    fixture.policy.disable_mfa(by(&session(actor), request(&seen))).await.unwrap();
    // Disabling twice changes nothing.
    fixture.disable(actor, target).await.unwrap();
    assert_eq!(fixture.changes().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_changes_of_one_level_at_once_get_versions_of_their_own() {
    let (fixture, tree) = Fixture::with_tree().await;
    let target = company(&tree.company);
    let request = |ticket| EnforceMfaRequest {
        target: target.clone(),
        require_enrollment_ticket: ticket,
        ..Default::default()
    };
    let caller = session(&tree.reseller_admin);
    let calls = (0..8).map(|number| fixture.policy.enforce_mfa(by(&caller, request(number % 2 == 0))));
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    let versions: Vec<i64> = fixture.changes().await.iter().map(|(_, change)| change.version).collect();
    assert_eq!(versions, (1..=i64::try_from(versions.len()).unwrap()).collect::<Vec<_>>());
    let row = fixture.rows.query_one("SELECT version FROM enforcement", &[]).await.unwrap();
    assert_eq!(Some(&row.get::<_, i64>(0)), versions.last());
}
