//! `GetEnforcement`: what greys the switch out.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::target::Target as Kind;
use proto::mfa::{
    Enforcement, EnforcementState, GetEnforcementRequest, MfaConfiguration, PolicyLevel, ProviderScope,
    Target,
};
use tonic::Status;
use types::{AuthSource, Role};
use wire::UserFacts;

use super::enforcing::{company, reseller, user};
use super::fixture::{Fixture, by, refusal, session};

impl Fixture {
    async fn explain(&self, actor: &UserFacts, target: Option<Target>) -> Result<Enforcement, Status> {
        let request = GetEnforcementRequest { target };
        let answer = self.policy.get_enforcement(by(&session(actor), request)).await?;
        Ok(answer.into_inner().enforcement.unwrap())
    }
}

#[tokio::test]
async fn the_enforced_administrator_is_told_why_they_cannot_switch_it_off() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let explained = fixture.explain(&tree.company_admin, user(&tree.company_admin)).await.unwrap();
    assert_eq!(explained.effective_state(), EnforcementState::EnabledByInheritance);
    assert_eq!(explained.own_state(), EnforcementState::Disabled);
    assert_eq!(explained.deciding_level(), PolicyLevel::Company);
    assert_eq!(explained.configuration(), MfaConfiguration::NotConfigured);
    assert!(!explained.can_disable && !explained.exempt);
    assert_eq!(explained.cannot_disable_reason, "SELF_ADMINISTRATION");
    assert!(!explained.cannot_disable_message.is_empty());

    let levels: Vec<_> = explained.levels.iter().map(|level| (level.level(), level.is_set)).collect();
    use PolicyLevel::{Company, Provider, Reseller, User};
    assert_eq!(levels, [(Provider, false), (Reseller, false), (Company, true), (User, false)]);
    let deciding = &explained.levels[2];
    assert_eq!(deciding.set_by.as_ref().unwrap().user_id, tree.reseller_admin.id.to_string());
    assert_eq!(deciding.reason, "rollout");
    assert!(deciding.set_time.is_some());
    // Their own organisation's level they see, too.
    let own = fixture.explain(&tree.company_admin, company(&tree.company)).await.unwrap();
    assert_eq!(
        (own.effective_state(), own.cannot_disable_reason.as_str()),
        (EnforcementState::Enabled, "ROLE_NOT_ALLOWED")
    );
}

#[tokio::test]
async fn what_is_told_beforehand_is_what_disabling_answers() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap();
    let external = fixture.peers.add_user(&tree.company, Role::CompanyUser, AuthSource::External);
    let actors = [&tree.provider_admin, &tree.reseller_admin, &tree.company_admin];
    for actor in actors {
        for target in [
            reseller(&tree.reseller),
            company(&tree.company),
            user(&tree.reseller_admin),
            user(&tree.company_admin),
            user(&tree.company_user),
            user(&external),
        ] {
            let Ok(told) = fixture.explain(actor, target.clone()).await else { continue };
            match fixture.disable(actor, target.clone()).await {
                Ok(_) => {
                    assert!(told.can_disable, "{target:?}");
                    // Put it back for the next one.
                    fixture.reenable(actor, target).await.unwrap();
                }
                Err(status) => {
                    assert_eq!(told.cannot_disable_reason, rpc::reason_of(&status).unwrap().as_str())
                }
            }
        }
    }
}

#[tokio::test]
async fn configuration_is_told_apart_from_policy() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (actor, target) = (&tree.company_admin, user(&tree.company_user));
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&sign_in, "").await.unwrap();
    let pending = fixture.explain(actor, target.clone()).await.unwrap();
    assert_eq!(pending.configuration(), MfaConfiguration::Pending);
    fixture.tick(15 * 60);
    let expired = fixture.explain(actor, target.clone()).await.unwrap();
    assert_eq!(expired.configuration(), MfaConfiguration::NotConfigured);
    fixture.enroll(&tree.company_user).await;
    let configured = fixture.explain(actor, target).await.unwrap();
    assert_eq!(configured.configuration(), MfaConfiguration::Configured);
    assert_eq!(configured.effective_state(), EnforcementState::Disabled);
    assert_ne!(configured.etag, expired.etag);
}

#[tokio::test]
async fn external_users_are_shown_as_exempt() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let external = fixture.peers.add_user(&tree.company, Role::CompanyUser, AuthSource::External);
    let explained = fixture.explain(&tree.reseller_admin, user(&external)).await.unwrap();
    assert!(explained.exempt && !explained.can_disable);
    assert_eq!(explained.effective_state(), EnforcementState::Disabled);
    assert_eq!(explained.cannot_disable_reason, "USER_NOT_LOCAL");
    assert_eq!(refusal(fixture.enforce(&tree.reseller_admin, user(&external)).await), Reason::UserNotLocal);
}

#[tokio::test]
async fn nothing_outside_the_branch_is_seen_and_company_users_see_themselves() {
    let (fixture, tree) = Fixture::with_tree().await;
    let scope = Some(Target { target: Some(Kind::Provider(ProviderScope::ClientsAndResellers.into())) });
    for (actor, target) in [
        (&tree.other_reseller_admin, company(&tree.company)),
        (&tree.other_reseller_admin, user(&tree.company_user)),
        (&tree.company_admin, reseller(&tree.reseller)),
        (&tree.company_user, user(&tree.company_admin)),
        (&tree.reseller_admin, scope.clone()),
    ] {
        assert_eq!(refusal(fixture.explain(actor, target).await), Reason::NotFound);
    }
    fixture.explain(&tree.company_user, user(&tree.company_user)).await.unwrap();
    fixture.explain(&tree.company_user, company(&tree.company)).await.unwrap();
    assert!(fixture.explain(&tree.provider_admin, scope).await.unwrap().can_disable);
}
