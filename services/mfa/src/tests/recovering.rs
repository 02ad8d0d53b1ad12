//! Recovery codes: shown once, good from the acknowledgement on, each once, and gone with the factor.

mod guessing;
mod regenerating;
mod repeating;
mod sealing;

use std::sync::Arc;

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Event, NotificationKind, VerificationRefusal};
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, BeginSignInEnrollmentResponse,
    ConfirmEnrollmentRequest, Factor, ListFactorsRequest, VerifyRecoveryCodeRequest,
    VerifyRecoveryCodeResponse,
};
use tokio::task::JoinSet;
use tonic::{Request, Status};
use types::{AttemptId, AuthSource, RecoveryCode};
use wire::UserFacts;

use super::enforcing::{company, user};
use super::fixture::{Fixture, Phone, SignIn, by, from_identity, refusal, session, session_in};

impl SignIn {
    pub(super) fn recover(&self, code: &str) -> Request<VerifyRecoveryCodeRequest> {
        self.recover_as(code, AttemptId::generate())
    }

    pub(super) fn recover_as(&self, code: &str, attempt_id: AttemptId) -> Request<VerifyRecoveryCodeRequest> {
        from_identity(VerifyRecoveryCodeRequest {
            user: Some(self.user.to_wire()),
            recovery_code: code.to_owned(),
            attempt_id: attempt_id.to_string(),
            generation: self.told.generation,
            policy_version: self.told.policy_version.clone(),
            sign_in_id: self.id.to_string(),
            client: None,
        })
    }
}

impl Fixture {
    /// The recovery codes shown with the confirmation.
    pub(super) async fn confirm_for_codes(&self, sign_in: &SignIn, code: &str) -> Vec<String> {
        let confirmed = self.verification.confirm_sign_in_enrollment(sign_in.confirm(code)).await;
        confirmed.unwrap().into_inner().recovery_codes
    }

    /// As `enroll`, with the recovery codes that were shown.
    pub(super) async fn enroll_with_codes(&self, user: &UserFacts) -> (Phone, Vec<String>) {
        let sign_in = self.sign_in(user).await;
        let phone = self.begin(&sign_in, "").await.unwrap();
        let codes = self.confirm_for_codes(&sign_in, &phone.code(self)).await;
        self.acknowledge(&sign_in).await.unwrap();
        self.tick(30);
        (phone, codes)
    }

    pub(super) async fn recover(
        &self,
        sign_in: &SignIn,
        code: &str,
    ) -> Result<VerifyRecoveryCodeResponse, Status> {
        let answer = self.verification.verify_recovery_code(sign_in.recover(code)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(super) async fn listed(&self, user: &UserFacts) -> Factor {
        let request = by(&session(user), ListFactorsRequest::default());
        self.factors.list_factors(request).await.unwrap().into_inner().factors.remove(0)
    }
}

/// Recovery codes that are nobody's.
pub(super) fn wrong_codes(count: usize) -> Vec<String> {
    (0..count).map(|_| RecoveryCode::generate().unwrap().grouped().to_string()).collect()
}

/// The classes in which recovery codes were refused.
pub(super) fn refusals(events: &[Event]) -> Vec<VerificationRefusal> {
    let class = |event: &Event| match &event.payload {
        Some(Payload::RecoveryCodeRefused(refused)) => Some(refused.refusal()),
        _ => None,
    };
    events.iter().filter_map(class).collect()
}

#[tokio::test]
async fn ten_codes_are_shown_with_the_confirmation_and_each_finishes_one_sign_in() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 19 && code.matches('-').count() == 3), "{codes:?}");
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 10);
    for (index, code) in codes.iter().enumerate() {
        let sign_in = fixture.sign_in(&tree.company_user).await;
        // As somebody types it from paper.
        let typed = code.replace('-', " ").to_uppercase().replace('1', "l").replace('0', "O");
        let verified = fixture.recover(&sign_in, &typed).await.unwrap();
        assert!(verified.verify_time.is_some());
        let left = i32::try_from(9 - index).unwrap();
        assert_eq!(verified.recovery_codes_left, left);
        assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, left);
        fixture.tick(60 * 11);
        assert_eq!(refusal(fixture.recover(&sign_in, code).await), Reason::CodeRefused);
    }
    // Each spent one was one wrong code by then; a success in between ended the count.
    let events = fixture.events().await;
    assert_eq!(refusals(&events), [VerificationRefusal::Wrong; 10]);
    let used: Vec<i32> = events
        .iter()
        .filter_map(|event| match &event.payload {
            Some(Payload::RecoveryCodeUsed(used)) => Some(used.left),
            _ => None,
        })
        .collect();
    assert_eq!(used, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
}

#[tokio::test]
async fn a_used_code_is_an_event_and_the_user_is_to_be_told_how_many_are_left() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&sign_in, &codes[3]).await.unwrap();
    let events = fixture.events().await;
    let [used, notice] = &events[events.len() - 2..] else { panic!("two events") };
    assert_eq!(used.r#type, "mfa.recovery_code.used");
    let Some(Payload::RecoveryCodeUsed(payload)) = &used.payload else { panic!("{used:?}") };
    assert_eq!((payload.left, payload.sign_in_id.as_str()), (9, &*sign_in.id.to_string()));
    assert_eq!(used.actor.as_ref().unwrap().id, tree.company_user.id.to_string());
    assert_eq!(used.subject.as_ref().unwrap().id, tree.company_user.id.to_string());
    assert_eq!(notice.r#type, "mfa.user.notification_due");
    let Some(Payload::NotificationDue(payload)) = &notice.payload else { panic!("{notice:?}") };
    assert_eq!(payload.kind(), NotificationKind::RecoveryCodeUsed);
    assert_eq!((payload.recovery_codes_left, &payload.event_id), (9, &used.id));
    let generated = events.iter().find(|event| event.r#type == "mfa.recovery_codes.generated").unwrap();
    let Some(Payload::RecoveryCodesGenerated(payload)) = &generated.payload else { panic!("{generated:?}") };
    assert!(payload.count == 10 && !payload.enrollment_id.is_empty());
    let told = format!("{events:?}").to_lowercase();
    for code in &codes {
        assert!(!told.contains(code) && !told.contains(&code.replace('-', "")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_at_once_with_the_same_code_exactly_one_is_accepted_and_nobody_is_locked() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    for (round, code) in codes.iter().take(3).enumerate() {
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let sign_in = fixture.sign_in(&tree.company_user).await;
            let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.recover(code));
            tasks.spawn(async move { replica.verify_recovery_code(request).await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let refused = answers.into_iter().filter(Result::is_err).map(refusal);
        assert!(refused.into_iter().all(|reason| reason == Reason::CodeRefused));
        assert_eq!(fixture.count("recovery_attempts").await, 0, "{round}");
    }
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::Replayed; 49 * 3]);
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 7);
}

#[tokio::test]
async fn codes_are_good_from_the_acknowledgement_on_and_only_the_last_that_were_shown() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let first = fixture.confirm_for_codes(&sign_in, &phone.code(&fixture)).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &first[0]).await), Reason::FactorMissing);
    // Proved again with a fresh code, other codes are shown, and the first ones never become good.
    let second = fixture.confirm_for_codes(&sign_in, &phone.code_at(&fixture, 1)).await;
    assert!(first.iter().all(|code| !second.contains(code)));
    fixture.acknowledge(&sign_in).await.unwrap();
    let next = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&next, &first[0]).await), Reason::CodeRefused);
    fixture.recover(&next, &second[0]).await.unwrap();
    assert_eq!(
        refusals(&fixture.events().await),
        [VerificationRefusal::NoFactor, VerificationRefusal::Wrong]
    );
}

#[tokio::test]
async fn with_a_new_phone_come_new_codes_and_the_old_ones_work_until_it_is_acknowledged() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, old) = fixture.enroll_with_codes(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let request = BeginEnrollmentRequest { code: phone.code(&fixture), ..Default::default() };
    let begun = fixture.factors.begin_enrollment(by(&caller, request)).await.unwrap().into_inner();
    let phone = Phone::scan(BeginSignInEnrollmentResponse {
        secret_base32: begun.secret_base32,
        ..Default::default()
    });
    let request = ConfirmEnrollmentRequest { code: phone.code(&fixture), ..Default::default() };
    let confirmed = fixture.factors.confirm_enrollment(by(&caller, request)).await.unwrap().into_inner();
    let new = confirmed.recovery_codes;
    assert_eq!(new.len(), 10);

    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &new[0]).await), Reason::CodeRefused);
    assert_eq!(fixture.recover(&sign_in, &old[0]).await.unwrap().recovery_codes_left, 9);
    let request = by(&caller, AcknowledgeEnrollmentRequest::default());
    let factor = fixture.factors.acknowledge_enrollment(request).await.unwrap().into_inner().factor;
    assert_eq!(factor.unwrap().recovery_codes_left, 10);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &old[1]).await), Reason::CodeRefused);
    assert_eq!(fixture.recover(&sign_in, &new[0]).await.unwrap().recovery_codes_left, 9);
}

#[tokio::test]
async fn codes_and_their_throttle_go_with_the_factor() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (subject, actor) = (&tree.company_user, &tree.company_admin);
    let gone = async |how: &str| {
        let left = [fixture.count("recovery_codes").await, fixture.count("recovery_attempts").await];
        assert_eq!(left, [0, 0], "{how}");
    };
    let enrolled = async || {
        let (_, codes) = fixture.enroll_with_codes(subject).await;
        let sign_in = fixture.sign_in(subject).await;
        fixture.recover(&sign_in, &wrong_codes(1)[0]).await.unwrap_err();
        assert_eq!([fixture.count("recovery_codes").await, fixture.count("recovery_attempts").await], [1, 1]);
        (sign_in, codes)
    };
    let (open, codes) = enrolled().await;
    fixture.reset(actor, subject).await.unwrap();
    gone("reset").await;
    assert_eq!(refusal(fixture.recover(&open, &codes[0]).await), Reason::GenerationOutdated);
    enrolled().await;
    fixture.disable(actor, user(subject)).await.unwrap();
    gone("disabled").await;
    enrolled().await;
    fixture.switch_source(subject.id, AuthSource::External).await;
    gone("external").await;

    // Lifting what a company enforces keeps what its users have.
    let (sign_in, codes) = (fixture.sign_in(actor).await, fixture.enroll_with_codes(actor).await.1);
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    fixture.disable(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    assert_eq!(refusal(fixture.recover(&sign_in, &codes[0]).await), Reason::GenerationOutdated);
    let sign_in = fixture.sign_in(actor).await;
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
    fixture.recover(&sign_in, &wrong_codes(1)[0]).await.unwrap_err();
    fixture.delete_organization(tree.company.organization_id()).await;
    gone("the organisation was deleted").await;
}

#[tokio::test]
async fn what_is_no_recovery_code_is_no_attempt_and_an_external_user_has_none() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let before = fixture.count("event").await;
    for text in ["", "123456", "0000-0000-0000-000u", "0000-0000-0000-0000-0", "００００-0000-0000-0000"]
    {
        assert_eq!(refusal(fixture.recover(&sign_in, text).await), Reason::InvalidArgument, "{text}");
    }
    let mut nameless = sign_in.recover("0000-0000-0000-0000").into_inner();
    nameless.sign_in_id.clear();
    let refused = fixture.verification.verify_recovery_code(from_identity(nameless)).await;
    assert_eq!(refusal(refused), Reason::InvalidArgument);
    let external = fixture.peers.add_user(&tree.company, types::Role::CompanyUser, AuthSource::External);
    let other = SignIn { user: external, ..sign_in };
    assert_eq!(refusal(fixture.recover(&other, "0000-0000-0000-0000").await), Reason::UserNotLocal);
    assert_eq!(fixture.count("event").await, before);
}
