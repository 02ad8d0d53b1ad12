//! Enrolment at sign-in: begun, proved, acknowledged; and everything that is not quite that.

use fault::Reason;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{Demand, EvaluateSignInRequest};
use totp_rs::Totp;
use types::SignInId;

use super::fixture::{Fixture, SignIn, from_identity, organization_created, refusal};
use crate::peers::FollowTenant;

#[tokio::test]
async fn the_enforced_user_enrols_and_is_asked_for_a_code_from_then_on() {
    let (fixture, tree) = Fixture::with_tree().await;
    let company = fixture
        .peers
        .add_organization(tree.reseller.child(types::OrganizationId::generate()).unwrap(), "Müller: Süd");
    fixture.follow(FollowTenant, &organization_created(&company, true)).await;
    let user = fixture.create_user(&company.path, types::Role::CompanyAdmin, false).await;

    let sign_in = fixture.sign_in(&user).await;
    assert_eq!((sign_in.told.demand(), sign_in.told.enforced), (Demand::Enroll, true));
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let read = Totp::from_url(&phone.shown.otpauth_uri).unwrap();
    assert_eq!((read.issuer(), read.account_name()), (Some("Müller\u{2236} Süd"), user.login.as_str()));
    assert_eq!(read.secret().as_bytes(), phone.secret());
    assert!(phone.shown.qr_png.starts_with(b"\x89PNG"));
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert_eq!(fixture.acknowledge(&sign_in).await.unwrap(), 1);

    let next = fixture.sign_in(&user).await;
    assert_eq!((next.told.demand(), next.told.generation), (Demand::Verify, 1));
    let types = fixture.event_types().await;
    assert_eq!(
        types,
        [
            "mfa.enforcement.enforced",
            "mfa.enrollment.begun",
            "mfa.enrollment.confirmed",
            "mfa.recovery_codes.generated",
            "mfa.factor.enrolled",
            "mfa.user.notification_due"
        ]
    );
}

#[tokio::test]
async fn an_abandoned_enrolment_neither_counts_nor_locks_out() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_admin;
    // Before the code.
    let first = fixture.sign_in(user).await;
    fixture.begin(&first, "").await.unwrap();
    assert_eq!(fixture.evaluate(user).await.unwrap().demand(), Demand::None);
    // Before the acknowledgement.
    let second = fixture.sign_in(user).await;
    let abandoned = fixture.begin(&second, "").await.unwrap();
    fixture.confirm(&second, &abandoned.code(&fixture)).await.unwrap();
    assert_eq!(fixture.evaluate(user).await.unwrap().demand(), Demand::None);
    assert_eq!(fixture.count("factor").await, 0);
    // Another time it works.
    let third = fixture.sign_in(user).await;
    let phone = fixture.begin(&third, "").await.unwrap();
    fixture.confirm(&third, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&third).await.unwrap();
    // And what was abandoned stays dead.
    assert_eq!(refusal(fixture.acknowledge(&second).await), Reason::GenerationOutdated);
    fixture.tick(30);
    let next = fixture.sign_in(user).await;
    assert_eq!(refusal(fixture.verify(&next, &abandoned.code(&fixture)).await), Reason::CodeRefused);
    fixture.verify(&next, &phone.code(&fixture)).await.unwrap();
    assert_eq!(fixture.count("pending_enrollment").await, 0);
}

#[tokio::test]
async fn an_enrolment_belongs_to_its_sign_in_and_dies_after_fifteen_minutes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let other = SignIn { id: SignInId::generate(), ..sign_in.clone() };
    assert_eq!(refusal(fixture.confirm(&other, &phone.code(&fixture)).await), Reason::EnrollmentNotFound);
    assert_eq!(refusal(fixture.acknowledge(&sign_in).await), Reason::EnrollmentNotConfirmed);
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert_eq!(refusal(fixture.acknowledge(&other).await), Reason::EnrollmentNotFound);
    fixture.tick(15 * 60);
    assert_eq!(refusal(fixture.acknowledge(&sign_in).await), Reason::EnrollmentNotFound);
    assert_eq!(refusal(fixture.confirm(&sign_in, &phone.code(&fixture)).await), Reason::EnrollmentNotFound);
}

#[tokio::test]
async fn asked_again_a_new_secret_replaces_the_old() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let old = fixture.begin(&sign_in, "").await.unwrap();
    fixture.confirm(&sign_in, &old.code(&fixture)).await.unwrap();
    let new = fixture.begin(&sign_in, "").await.unwrap();
    assert_ne!(old.secret(), new.secret());
    // The old proof is not the new one's.
    assert_eq!(refusal(fixture.acknowledge(&sign_in).await), Reason::EnrollmentNotConfirmed);
    assert_eq!(refusal(fixture.confirm(&sign_in, &old.code(&fixture)).await), Reason::CodeRefused);
    fixture.confirm(&sign_in, &new.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
}

#[tokio::test]
async fn five_wrong_codes_destroy_the_pending_secret_and_lock_nobody() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    for code in phone.wrong_codes(&fixture, 5) {
        assert_eq!(refusal(fixture.confirm(&sign_in, &code).await), Reason::CodeRefused);
    }
    assert_eq!(refusal(fixture.confirm(&sign_in, &phone.code(&fixture)).await), Reason::EnrollmentNotFound);
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    fixture.confirm(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    let refused = |event: &&proto::events::Event| event.r#type == "mfa.enrollment.refused";
    // The five, and the code that came when there was nothing left to confirm.
    assert_eq!(fixture.events().await.iter().filter(refused).count(), 6);
}

#[tokio::test]
async fn with_a_factor_enrolment_is_not_offered_to_a_password() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.begin(&sign_in, "").await.map(drop)), Reason::FactorExists);
    let last = fixture.events().await.pop().unwrap();
    assert_eq!((last.r#type.as_str(), last.reason.as_str()), ("mfa.enrollment.refused", "FACTOR_EXISTS"));
}

#[tokio::test]
async fn of_two_sign_ins_that_enrol_the_first_to_acknowledge_wins() {
    let (fixture, tree) = Fixture::with_tree().await;
    let [mine, thiefs] =
        [fixture.sign_in(&tree.company_admin).await, fixture.sign_in(&tree.company_admin).await];
    let (my_phone, other_phone) =
        (fixture.begin(&mine, "").await.unwrap(), fixture.begin(&thiefs, "").await.unwrap());
    fixture.confirm(&mine, &my_phone.code(&fixture)).await.unwrap();
    fixture.confirm(&thiefs, &other_phone.code(&fixture)).await.unwrap();
    fixture.acknowledge(&mine).await.unwrap();
    assert_eq!(refusal(fixture.acknowledge(&thiefs).await), Reason::GenerationOutdated);
    assert_eq!(refusal(fixture.begin(&thiefs, "").await.map(drop)), Reason::GenerationOutdated);
    assert_eq!(fixture.count("factor").await, 1);
}

#[tokio::test]
async fn the_database_holds_no_secret_in_any_form() {
    let (fixture, tree) = Fixture::with_tree().await;
    let pending = fixture.sign_in(&tree.company_user).await;
    let unfinished = fixture.begin(&pending, "").await.unwrap();
    let phone = fixture.enroll(&tree.company_admin).await;
    let sql =
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut dump = String::new();
    for table in fixture.rows.query(sql, &[]).await.unwrap() {
        let sql = format!("SELECT t::text FROM {} t", table.get::<_, &str>(0));
        let rows = fixture.rows.query(&sql, &[]).await.unwrap();
        dump.extend(rows.iter().map(|row| row.get::<_, String>(0).to_lowercase()));
    }
    assert!(dump.contains(&tree.company_admin.id.to_string()));
    for secret in [phone.secret(), unfinished.secret()] {
        let forms = [
            data_encoding::HEXLOWER.encode(&secret),
            data_encoding::BASE32_NOPAD.encode(&secret).to_lowercase(),
            data_encoding::BASE64.encode(&secret).to_lowercase(),
            data_encoding::HEXLOWER.encode(data_encoding::BASE32_NOPAD.encode(&secret).as_bytes()),
            data_encoding::BASE64
                .encode(data_encoding::BASE32_NOPAD.encode(&secret).as_bytes())
                .to_lowercase(),
        ];
        for form in forms {
            assert!(!dump.contains(form.trim_end_matches('=')), "{form}");
        }
    }
}

#[tokio::test]
async fn what_is_long_dead_is_removed() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    fixture.begin(&sign_in, "").await.unwrap();
    assert_eq!(fixture.mfa.expire().await.unwrap(), 0);
    fixture.tick(60 * 60 * 25);
    assert_eq!(fixture.mfa.expire().await.unwrap(), 1);
    assert_eq!(fixture.count("pending_enrollment").await, 0);
}

#[tokio::test]
async fn an_unknown_user_or_organisation_is_waited_for_and_never_let_through() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = fixture.peers.add_user(&tree.company, types::Role::CompanyUser, types::AuthSource::Local);
    assert_eq!(refusal(fixture.evaluate(&user).await), Reason::DependencyUnavailable);
    let new = tree.reseller.child(types::OrganizationId::generate()).unwrap();
    let member = fixture.create_user(&new, types::Role::CompanyUser, false).await;
    assert_eq!(refusal(fixture.evaluate(&member).await), Reason::DependencyUnavailable);
    // It arrives while the sign-in waits.
    let request = from_identity(EvaluateSignInRequest { user: Some(member.to_wire()) });
    let patient = fixture.patient_replica();
    let arrives = fixture.create_organization(&new, "Just made", true);
    let (evaluated, _) = tokio::join!(patient.evaluate_sign_in(request), arrives);
    assert_eq!(evaluated.unwrap().into_inner().demand(), Demand::Enroll);
}

#[tokio::test]
async fn external_users_are_exempt() {
    let (fixture, tree) = Fixture::with_tree().await;
    let facts = fixture.peers.add_user(&tree.company, types::Role::CompanyUser, types::AuthSource::External);
    fixture.follow(crate::peers::FollowIdentity, &super::fixture::user_created(&facts, true)).await;
    let sign_in = fixture.sign_in(&facts).await;
    assert_eq!((sign_in.told.demand(), sign_in.told.enforced), (Demand::None, false));
    assert_eq!(refusal(fixture.begin(&sign_in, "").await.map(drop)), Reason::UserNotLocal);
    assert_eq!(refusal(fixture.verify(&sign_in, "000000").await), Reason::UserNotLocal);
}
