//! Enrolment in a session: voluntarily, to replace a phone; and removing one's own factor.

use access::SignedIn;
use fault::Reason;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, BeginSignInEnrollmentResponse,
    ConfirmEnrollmentRequest, Demand, Factor, ListFactorsRequest, RemoveFactorRequest,
};
use tonic::Status;
use wire::UserFacts;

use super::enforcing::company;
use super::fixture::{Fixture, Phone, by, refusal, session, session_in};

impl Fixture {
    pub(super) async fn begin_in(&self, session: &SignedIn, code: &str) -> Result<Phone, Status> {
        let request = BeginEnrollmentRequest { code: code.into(), ..Default::default() };
        let begun = self.factors.begin_enrollment(by(session, request)).await?.into_inner();
        Ok(Phone::scan(BeginSignInEnrollmentResponse {
            otpauth_uri: begun.otpauth_uri,
            secret_base32: begun.secret_base32,
            ..Default::default()
        }))
    }

    pub(super) async fn confirm_in(&self, session: &SignedIn, code: &str) -> Result<(), Status> {
        let request = ConfirmEnrollmentRequest { code: code.into(), ..Default::default() };
        self.factors.confirm_enrollment(by(session, request)).await.map(drop)
    }

    pub(super) async fn acknowledge_in(&self, session: &SignedIn) -> Result<Factor, Status> {
        let request = AcknowledgeEnrollmentRequest::default();
        let answer = self.factors.acknowledge_enrollment(by(session, request)).await?;
        Ok(answer.into_inner().factor.unwrap())
    }

    pub(super) async fn factors_of(
        &self,
        caller: &SignedIn,
        user: Option<&UserFacts>,
    ) -> Result<Vec<Factor>, Status> {
        let user_id = user.map(|user| user.id.to_string()).unwrap_or_default();
        let answer = self.factors.list_factors(by(caller, ListFactorsRequest { user_id })).await?;
        Ok(answer.into_inner().factors)
    }

    pub(super) async fn remove(&self, caller: &SignedIn, factor: &str, code: &str) -> Result<(), Status> {
        let request =
            RemoveFactorRequest { factor_id: factor.into(), code: code.into(), ..Default::default() };
        self.factors.remove_factor(by(caller, request)).await.map(drop)
    }
}

#[tokio::test]
async fn a_user_enrols_voluntarily_is_asked_from_then_on_and_may_remove_it_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    let session = session(&tree.company_user);
    let phone = fixture.begin_in(&session, "").await.unwrap();
    assert_eq!(fixture.factors_of(&session, None).await.unwrap(), []);
    fixture.confirm_in(&session, &phone.code(&fixture)).await.unwrap();
    let factor = fixture.acknowledge_in(&session).await.unwrap();
    assert_eq!(fixture.factors_of(&session, None).await.unwrap(), std::slice::from_ref(&factor));
    assert_eq!(fixture.evaluate(&tree.company_user).await.unwrap().demand(), Demand::Verify);

    // The confirming code is spent here, too.
    let spent = fixture.remove(&session, &factor.id, &phone.code(&fixture)).await;
    assert_eq!(refusal(spent), Reason::CodeRefused);
    fixture.tick(30);
    fixture.remove(&session, &factor.id, &phone.code(&fixture)).await.unwrap();
    let evaluated = fixture.evaluate(&tree.company_user).await.unwrap();
    assert_eq!((evaluated.demand(), evaluated.generation), (Demand::None, 2));
    assert_eq!(
        fixture.event_types().await,
        [
            "mfa.enrollment.begun",
            "mfa.enrollment.confirmed",
            "mfa.recovery_codes.generated",
            "mfa.factor.enrolled",
            "mfa.user.notification_due",
            "mfa.verification.refused",
            "mfa.verification.succeeded",
            "mfa.factor.removed",
            "mfa.user.notification_due"
        ]
    );
    assert_eq!(fixture.peers.awaited().len(), 2);
}

#[tokio::test]
async fn replacing_a_phone_needs_a_fresh_code_of_the_old_one_which_works_until_the_new_one_is_acknowledged() {
    let (fixture, tree) = Fixture::with_tree().await;
    let old = fixture.enroll(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    assert_eq!(refusal(fixture.begin_in(&caller, "").await.map(drop)), Reason::FactorExists);
    let wrong = old.wrong_codes(&fixture, 1).remove(0);
    assert_eq!(refusal(fixture.begin_in(&caller, &wrong).await.map(drop)), Reason::CodeRefused);
    let code = old.code(&fixture);
    let new = fixture.begin_in(&caller, &code).await.unwrap();
    // That code is spent, in this RPC and at sign-in.
    assert_eq!(refusal(fixture.begin_in(&caller, &code).await.map(drop)), Reason::CodeRefused);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    fixture.tick(30);
    fixture.verify(&sign_in, &old.code(&fixture)).await.unwrap();

    fixture.confirm_in(&caller, &new.code(&fixture)).await.unwrap();
    fixture.acknowledge_in(&caller).await.unwrap();
    fixture.tick(30);
    let next = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.verify(&next, &old.code(&fixture)).await), Reason::CodeRefused);
    fixture.verify(&next, &new.code(&fixture)).await.unwrap();
    assert_eq!(fixture.count("factor").await, 1);
}

#[tokio::test]
async fn an_enrolment_belongs_to_its_session() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (mine, other) = (session(&tree.company_user), session(&tree.company_user));
    let phone = fixture.begin_in(&mine, "").await.unwrap();
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.confirm_in(&other, &code).await), Reason::EnrollmentNotFound);
    fixture.confirm_in(&mine, &code).await.unwrap();
    assert_eq!(refusal(fixture.acknowledge_in(&other).await), Reason::EnrollmentNotFound);
    // What somebody else finished first makes it void.
    let faster = fixture.enroll(&tree.company_user).await;
    assert_eq!(refusal(fixture.acknowledge_in(&mine).await), Reason::EnrollmentNotFound);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &faster.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn under_enforcement_nobody_removes_their_factor_and_no_attempt_is_spent() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    let caller = session(&tree.company_user);
    let factor = fixture.factors_of(&caller, None).await.unwrap().remove(0);
    let before = fixture.count("event").await;
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.remove(&caller, &factor.id, &code).await), Reason::MfaEnforced);
    assert_eq!(fixture.count("event").await, before);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &code).await.unwrap();
    let other = types::FactorId::generate().to_string();
    assert_eq!(refusal(fixture.remove(&caller, &other, "000000").await), Reason::NotFound);
    assert_eq!(
        refusal(fixture.remove(&session(&tree.company_admin), &other, "000000").await),
        Reason::FactorMissing
    );
}

#[tokio::test]
async fn factors_are_listed_for_oneself_and_for_the_own_branch() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let by_role = |user: &UserFacts| session(user);
    let listed = fixture.factors_of(&by_role(&tree.company_admin), Some(&tree.company_user)).await.unwrap();
    assert_eq!((listed.len(), listed[0].r#type.as_str()), (1, "totp"));
    for foreign in [&tree.other_reseller_admin] {
        let refused = fixture.factors_of(&by_role(foreign), Some(&tree.company_user)).await;
        assert_eq!(refusal(refused), Reason::NotFound);
    }
    let colleague = fixture.create_user(&tree.company, types::Role::CompanyUser, false).await;
    let refused = fixture.factors_of(&by_role(&colleague), Some(&tree.company_user)).await;
    assert_eq!(refusal(refused), Reason::NotFound);
}

#[tokio::test]
async fn the_budget_is_one_across_purposes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let (caller, sign_in) = (session_in(&tree.company_user, 1), fixture.sign_in(&tree.company_user).await);
    let factor = fixture.factors_of(&caller, None).await.unwrap().remove(0);
    let wrong = phone.wrong_codes(&fixture, 5);
    assert_eq!(refusal(fixture.verify(&sign_in, &wrong[0]).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.verify(&sign_in, &wrong[1]).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.begin_in(&caller, &wrong[2]).await.map(drop)), Reason::CodeRefused);
    assert_eq!(refusal(fixture.remove(&caller, &factor.id, &wrong[3]).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.begin_in(&caller, &wrong[4]).await.map(drop)), Reason::CodeRefused);
    // Locked, whatever the purpose, also for the right code.
    let code = phone.code(&fixture);
    assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.begin_in(&caller, &code).await.map(drop)), Reason::CodeRefused);
    assert_eq!(refusal(fixture.remove(&caller, &factor.id, &code).await), Reason::CodeRefused);
}

/// Between mfa's commit of a reset and identity's end of the session there is a moment in which there is no factor to prove
/// and the session still lives. A thief of the session must not enrol in it.
#[tokio::test]
async fn a_session_of_before_a_reset_cannot_enrol_after_it() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let stolen = session_in(&tree.company_user, 1);
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(refusal(fixture.begin_in(&stolen, "").await.map(drop)), Reason::TokenInvalid);
    assert_eq!(fixture.count("pending_enrollment").await, 0);
    let refused =
        fixture.events().await.into_iter().rev().find(|event| event.r#type == "mfa.enrollment.refused");
    assert_eq!(refused.unwrap().reason, "TOKEN_INVALID");
    // The owner is not hindered.
    fixture.enroll(&tree.company_user).await;
}
