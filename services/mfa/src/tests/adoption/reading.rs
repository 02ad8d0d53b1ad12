//! `GetAdoption`.

use fault::Reason;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Adoption, EnforceMfaRequest, GetAdoptionRequest, ListFactorsRequest, RemoveFactorRequest};
use time::Duration;
use types::{AuthSource, OrganizationId, Role};
use wire::{OrganizationState, UserState, timestamp_to_wire};

use super::super::enforcing::{company, reseller, user};
use super::super::fixture::{Fixture, by, organization_created, refusal, session, user_created};
use super::count;
use crate::peers::{FollowIdentity, FollowTenant};

fn figures(local: i64, enforced: i64, enrolled: i64, pending: i64) -> Adoption {
    Adoption { local, enforced, enrolled, pending, ..Default::default() }
}

#[tokio::test]
async fn figures_are_of_this_moment_on_every_level_folded_or_not() {
    let (fixture, tree) = Fixture::with_tree().await;
    let paths = [&tree.provider, &tree.reseller, &tree.company, &tree.other_company];
    for step in 0..12 {
        match step {
            0 => {}
            1 => drop(fixture.enforce(&tree.company_admin, user(&tree.company_user)).await.unwrap()),
            2 => drop(fixture.enroll(&tree.company_user).await),
            3 => drop(fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap()),
            4 => drop(fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap()),
            5 => drop(fixture.disable(&tree.company_admin, user(&tree.company_user)).await.unwrap()),
            6 => {
                fixture
                    .user_changes(&tree.company_user, |user| user.auth_source = AuthSource::External)
                    .await;
            }
            7 => fixture.user_changes(&tree.company_admin, |user| user.state = UserState::Inactive).await,
            8 => {
                let path = tree.other_reseller.child(tree.company.organization_id()).unwrap();
                fixture.organization_changes(&tree.company, |facts| facts.path = path).await;
            }
            9 => fixture.user_changes(&tree.company_admin, |user| user.state = UserState::Active).await,
            10 => {
                let suspended = OrganizationState::Inactive;
                fixture.organization_changes(&tree.company, |facts| facts.state = suspended).await;
            }
            _ => {
                let deleted = OrganizationState::Deleted;
                fixture.organization_changes(&tree.company, |facts| facts.state = deleted).await;
            }
        }
        // Provider, reseller, company.
        let (provider, reseller, company) = match step {
            0 => (figures(5, 0, 0, 0), figures(3, 0, 0, 0), figures(2, 0, 0, 0)),
            1 => (figures(5, 1, 0, 1), figures(3, 1, 0, 1), figures(2, 1, 0, 1)),
            2 => (figures(5, 1, 1, 0), figures(3, 1, 1, 0), figures(2, 1, 1, 0)),
            3 => (figures(5, 2, 1, 1), figures(3, 2, 1, 1), figures(2, 2, 1, 1)),
            4 => (figures(5, 3, 1, 2), figures(3, 3, 1, 2), figures(2, 2, 1, 1)),
            // Disabling a user destroys the factor, and cancels nothing that is demanded above.
            5 => (figures(5, 3, 0, 3), figures(3, 3, 0, 3), figures(2, 2, 0, 2)),
            6 => (figures(4, 2, 0, 2), figures(2, 2, 0, 2), figures(1, 1, 0, 1)),
            7 => (figures(3, 1, 0, 1), figures(1, 1, 0, 1), figures(0, 0, 0, 0)),
            // The company's own level still demands it.
            8 => (figures(3, 1, 0, 1), figures(1, 1, 0, 1), figures(0, 0, 0, 0)),
            9 | 10 => (figures(4, 2, 0, 2), figures(1, 1, 0, 1), figures(1, 1, 0, 1)),
            _ => (figures(3, 1, 0, 1), figures(1, 1, 0, 1), figures(0, 0, 0, 0)),
        };
        let exempt_above = i64::from((6..11).contains(&step));
        let expected = [
            Adoption { exempt: exempt_above, ..provider },
            Adoption { exempt: i64::from((6..8).contains(&step)), ..reseller },
            Adoption { exempt: exempt_above, ..company },
            figures(0, 0, 0, 0),
        ];
        for (path, expected) in paths.iter().zip(expected) {
            if step == 11 && *path == &tree.company {
                continue;
            }
            assert_eq!(fixture.figures(&tree.provider_admin, path).await, expected, "{step} {path:?}");
        }
        if step % 3 == 0 {
            fixture.fold().await;
            assert_eq!(fixture.count("adoption_mark").await, 0);
            assert_eq!(fixture.figures(&tree.provider_admin, &tree.provider).await, expected[0], "{step}");
        }
    }
}

#[tokio::test]
async fn an_announced_date_counts_from_the_date_and_who_waits_for_a_month_is_overdue() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.fold().await;
    let from = clock::Clock::now(&fixture.clock) + Duration::days(3);
    let request = EnforceMfaRequest {
        target: company(&tree.company),
        enforce_from: Some(timestamp_to_wire(from)),
        ..Default::default()
    };
    fixture.policy.enforce_mfa(by(&session(&tree.reseller_admin), request)).await.unwrap();
    let day = 24 * 3600;
    // Days to wait, and the figures of all above then: enforced, pending, overdue.
    for (wait, expected) in [(0, (0, 0, 0)), (3, (2, 2, 0)), (30, (2, 2, 0)), (0, (2, 2, 2))] {
        fixture.tick(wait * day);
        if expected.2 > 0 {
            fixture.tick(1);
        }
        for round in 0..2 {
            for path in [&tree.provider, &tree.reseller, &tree.company] {
                let Adoption { enforced, pending, overdue, .. } =
                    fixture.figures(&tree.provider_admin, path).await;
                assert_eq!((enforced, pending, overdue), expected, "{wait} {round}");
            }
            fixture.fold().await;
        }
    }
    // Who had a factor until a moment ago is not overdue, and who was created later is not either.
    fixture.enroll(&tree.company_user).await;
    fixture.fold().await;
    fixture.disable(&tree.company_admin, user(&tree.company_user)).await.unwrap();
    fixture.create_user(&tree.company, Role::CompanyUser, true).await;
    let now = fixture.figures(&tree.company_admin, &tree.company).await;
    assert_eq!((now.pending, now.overdue), (3, 1));
    // However it is demanded: what has been demanded for a month stays so when a level above joins in.
    fixture.enforce(&tree.provider_admin, reseller(&tree.reseller)).await.unwrap();
    assert_eq!(fixture.figures(&tree.company_admin, &tree.company).await.overdue, 1);
}

#[tokio::test]
async fn a_factor_that_was_removed_is_not_counted_any_more() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    assert_eq!(fixture.figures(&tree.company_admin, &tree.company).await, figures(2, 0, 1, 0));
    let caller = session(&tree.company_user);
    let factors = fixture.factors.list_factors(by(&caller, ListFactorsRequest::default())).await;
    let factor_id = factors.unwrap().into_inner().factors.remove(0).id;
    let request = RemoveFactorRequest { factor_id, code: phone.code(&fixture), ..Default::default() };
    fixture.factors.remove_factor(by(&caller, request)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(fixture.figures(&tree.company_admin, &tree.company).await, figures(2, 0, 0, 0));
        fixture.fold().await;
    }
}

#[tokio::test]
async fn locked_users_are_counted_while_they_are_locked() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for code in phone.wrong_codes(&fixture, 5) {
        fixture.verify(&sign_in, &code).await.unwrap_err();
    }
    for path in [&tree.provider, &tree.reseller, &tree.company] {
        assert_eq!(fixture.figures(&tree.provider_admin, path).await.locked, 1);
    }
    assert_eq!(fixture.figures(&tree.provider_admin, &tree.other_reseller).await.locked, 0);
    fixture.tick(61);
    assert_eq!(fixture.figures(&tree.provider_admin, &tree.provider).await.locked, 0);
}

#[tokio::test]
async fn what_identity_tells_before_tenant_does_waits_and_is_counted_then() {
    let (fixture, tree) = Fixture::with_tree().await;
    let path = tree.reseller.child(OrganizationId::generate()).unwrap();
    let facts = fixture.peers.add_user(&path, Role::CompanyAdmin, AuthSource::Local);
    fixture.follow(FollowIdentity, &user_created(&facts, true)).await;
    fixture.fold().await;
    assert_eq!(fixture.figures(&tree.reseller_admin, &tree.reseller).await, figures(3, 0, 0, 0));
    let organization = fixture.peers.add_organization(path.clone(), "Late");
    fixture.follow(FollowTenant, &organization_created(&organization, false)).await;
    for _ in 0..2 {
        assert_eq!(fixture.figures(&tree.reseller_admin, &tree.reseller).await, figures(4, 1, 0, 1));
        assert_eq!(fixture.figures(&tree.reseller_admin, &path).await, figures(1, 1, 0, 1));
        fixture.fold().await;
    }
}

#[tokio::test]
async fn an_organisation_that_is_not_known_here_yet_has_no_figures_and_the_positions_say_why() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.rows.batch_execute("INSERT INTO log_cursor (log, position) VALUES ('tenant', 7)").await.unwrap();
    let path = tree.reseller.child(OrganizationId::generate()).unwrap();
    fixture.peers.add_organization(path.clone(), "Too new");
    let answer = fixture.adoption_of(&tree.reseller_admin, &path).await.unwrap();
    assert_eq!(answer.adoption, Some(figures(0, 0, 0, 0)));
    assert_eq!((answer.tenant_position, answer.identity_position, answer.mfa_position), (7, 0, 0));
}

#[tokio::test]
async fn everybody_sees_their_own_branch_and_nothing_else() {
    let (fixture, tree) = Fixture::with_tree().await;
    let auditor = fixture.create_user(&tree.company, Role::CompanyAuditor, false).await;
    assert_eq!(fixture.figures(&auditor, &tree.company).await.local, 3);
    // Nothing named is one's own organisation.
    let own = GetAdoptionRequest::default();
    let own = fixture.policy.get_adoption(by(&session(&tree.reseller_admin), own)).await.unwrap();
    assert_eq!(own.into_inner().adoption.unwrap().local, 4);

    let missing = tree.reseller.child(OrganizationId::generate()).unwrap();
    let foreign = [&tree.other_company, &tree.other_reseller, &tree.provider, &missing];
    let refused = |path| fixture.adoption_of(&tree.reseller_admin, path);
    let unknown = format!("{:?}", refused(&missing).await.unwrap_err());
    for path in foreign {
        let status = refused(path).await.unwrap_err();
        assert_eq!(format!("{status:?}"), unknown, "alike to the byte");
        assert_eq!(rpc::reason_of(&status), Some(Reason::NotFound));
    }
    let deleted = OrganizationState::Deleted;
    fixture.peers.change_organization(tree.company.organization_id(), |facts| facts.state = deleted);
    assert_eq!(refusal(refused(&tree.company).await), Reason::NotFound);
    fixture.peers.set_away(true);
    assert_eq!(refusal(refused(&tree.reseller).await), Reason::DependencyUnavailable);
    let garbage = GetAdoptionRequest { organization_id: "x".into() };
    let garbage = fixture.policy.get_adoption(by(&session(&auditor), garbage)).await;
    assert_eq!(refusal(garbage), Reason::InvalidArgument);
}

#[tokio::test]
async fn only_one_folds_at_a_time_and_two_harm_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let folds = (0..8).map(|_| fixture.mfa.fold_adoption());
    for fold in futures::future::join_all(folds).await {
        assert!(!fold.unwrap());
    }
    fixture.fold().await;
    let counted = count::figures(&fixture.rows, clock::Clock::now(&fixture.clock)).await;
    for path in [&tree.provider, &tree.reseller, &tree.company] {
        let figures = fixture.figures(&tree.provider_admin, path).await;
        assert_eq!(Some(&figures), counted.get(&path.organization_id()));
    }
}
