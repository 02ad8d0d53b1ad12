//! `RegenerateRecoveryCodes`.

use fault::Reason;
use proto::events::NotificationKind;
use proto::events::event::Payload;
use proto::mfa::RegenerateRecoveryCodesRequest;
use proto::mfa::factor_service_server::FactorService;
use tonic::Status;
use types::RequestId;
use wire::UserFacts;

use super::{Fixture, by, refusal, session_in};

impl Fixture {
    pub(super) async fn regenerate(&self, user: &UserFacts, code: &str) -> Result<Vec<String>, Status> {
        let request = RegenerateRecoveryCodesRequest { code: code.into(), ..Default::default() };
        let answer = self.factors.regenerate_recovery_codes(by(&session_in(user, 1), request)).await;
        Ok(answer?.into_inner().recovery_codes)
    }
}

#[tokio::test]
async fn a_fresh_code_gives_ten_new_ones_and_kills_the_old() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, old) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&sign_in, &old[0]).await.unwrap();
    let code = phone.code(&fixture);
    let new = fixture.regenerate(&tree.company_user, &code).await.unwrap();
    assert!(new.len() == 10 && new.iter().all(|code| !old.contains(code)));
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 10);
    // The code is spent, here and everywhere.
    assert_eq!(refusal(fixture.regenerate(&tree.company_user, &code).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    // The old ones are dead, also the one that was just used; open sign-ins go on.
    for dead in &old[..2] {
        assert_eq!(refusal(fixture.recover(&sign_in, dead).await), Reason::CodeRefused);
    }
    assert_eq!(fixture.recover(&sign_in, &new[9]).await.unwrap().recovery_codes_left, 9);

    let events = fixture.events().await;
    let at = events.iter().rposition(|event| event.r#type == "mfa.recovery_codes.generated").unwrap();
    let [proof, generated, notice] = &events[at - 1..=at + 1] else { panic!("three events") };
    assert_eq!(proof.r#type, "mfa.verification.succeeded");
    let Some(Payload::RecoveryCodesGenerated(payload)) = &generated.payload else { panic!("{generated:?}") };
    assert_eq!((payload.count, payload.enrollment_id.as_str()), (10, ""));
    let Some(Payload::NotificationDue(payload)) = &notice.payload else { panic!("{notice:?}") };
    assert_eq!(payload.kind(), NotificationKind::RecoveryCodesGenerated);
    assert_eq!(payload.event_id, generated.id);
}

#[tokio::test]
async fn a_wrong_code_changes_nothing_and_counts_as_one() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    for wrong in phone.wrong_codes(&fixture, 5) {
        assert_eq!(refusal(fixture.regenerate(&tree.company_user, &wrong).await), Reason::CodeRefused);
    }
    // Locked like everything that asks for a code, also for the right one.
    let right = phone.code(&fixture);
    assert_eq!(refusal(fixture.regenerate(&tree.company_user, &right).await), Reason::CodeRefused);
    assert!(fixture.listed(&tree.company_user).await.locked);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(fixture.recover(&sign_in, &codes[0]).await.unwrap().recovery_codes_left, 9);
}

#[tokio::test]
async fn without_a_factor_there_are_no_recovery_codes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let refused = fixture.regenerate(&tree.company_user, "000000").await;
    assert_eq!(refusal(refused), Reason::FactorMissing);
    for malformed in ["", "12345", "0000-0000-0000-0000"] {
        let refused = fixture.regenerate(&tree.company_user, malformed).await;
        assert_eq!(refusal(refused), Reason::InvalidArgument);
    }
    assert_eq!(fixture.count("event").await, 0);
}

#[tokio::test]
async fn whoever_enrolled_before_there_were_any_gets_theirs_so() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    fixture.rows.execute("DELETE FROM recovery_codes", &[]).await.unwrap();
    assert_eq!(fixture.listed(&tree.company_user).await.recovery_codes_left, 0);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let refused = fixture.recover(&sign_in, &super::wrong_codes(1)[0]).await;
    assert_eq!(refusal(refused), Reason::CodeRefused);
    let codes = fixture.regenerate(&tree.company_user, &phone.code(&fixture)).await.unwrap();
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_nothing_is_done_twice() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, _) = fixture.enroll_with_codes(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let request = RegenerateRecoveryCodesRequest {
        code: phone.code(&fixture),
        request_id: RequestId::generate().to_string(),
    };
    let ask = async |request: &RegenerateRecoveryCodesRequest| {
        let answer = fixture.factors.regenerate_recovery_codes(by(&caller, request.clone())).await;
        answer.map(|answer| answer.into_inner().recovery_codes)
    };
    let first = ask(&request).await.unwrap();
    let events = fixture.count("event").await;
    fixture.tick(9 * 60);
    assert_eq!(ask(&request).await.unwrap(), first);
    assert_eq!(fixture.count("event").await, events);
    let other = RegenerateRecoveryCodesRequest { code: phone.code(&fixture), ..request.clone() };
    assert_eq!(refusal(ask(&other).await), Reason::RequestIdReused);
    // Another user's request with the same id is another request.
    let stranger = session_in(&tree.company_admin, 0);
    let refused = fixture.factors.regenerate_recovery_codes(by(&stranger, request.clone())).await;
    assert_eq!(refusal(refused), Reason::FactorMissing);
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&sign_in, &first[0]).await.unwrap();
    // Of a factor that is gone no codes are shown again.
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(refusal(ask(&request).await), Reason::GenerationOutdated);
}
