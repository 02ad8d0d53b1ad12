//! Enrolment under somebody who asks without end: codes prove once, refusals leave their event, and a session's calls are
//! bounded.

use std::sync::Arc;
use std::time::Duration;

use fault::Reason;
use proto::events::EnrollmentRefused;
use proto::events::event::Payload;
use proto::mfa::verification_service_server::VerificationService;

use super::fixture::{Fixture, SignIn, refusal, session};

const HOUR: i64 = 60 * 60;

impl Fixture {
    /// Refusals at enrolments, with their reasons.
    async fn enrolment_refusals(&self) -> Vec<(String, EnrollmentRefused)> {
        let events = self.events().await.into_iter();
        events
            .filter_map(|event| match event.payload {
                Some(Payload::EnrollmentRefused(refused)) => Some((event.reason, refused)),
                _ => None,
            })
            .collect()
    }

    async fn refusal_reasons(&self) -> Vec<String> {
        self.enrolment_refusals().await.into_iter().map(|(reason, _)| reason).collect()
    }
}

#[tokio::test]
async fn the_code_that_proved_an_enrolment_proves_nothing_again_and_counts_as_no_guess() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let codes = fixture.confirm_for_codes(&sign_in, &phone.code(&fixture)).await;
    // The one of the step before is as spent.
    for spent in [phone.code(&fixture), phone.code_at(&fixture, -1), phone.code(&fixture)] {
        assert_eq!(refusal(fixture.confirm(&sign_in, &spent).await), Reason::CodeRefused);
    }
    let refused = fixture.enrolment_refusals().await;
    assert_eq!(refused.len(), 3);
    for (reason, payload) in refused {
        assert_eq!((reason.as_str(), payload.wrong_codes, payload.destroyed), ("CODE_REFUSED", 0, false));
        assert_eq!(payload.sign_in_id, sign_in.id.to_string());
    }
    // What was shown first becomes good.
    fixture.acknowledge(&sign_in).await.unwrap();
    let next = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&next, &codes[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_confirmations_at_once_with_one_code_one_shows_recovery_codes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..12 {
        let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.confirm(&phone.code(&fixture)));
        tasks.spawn(async move { replica.confirm_sign_in_enrollment(request).await });
    }
    let (accepted, refused): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), refused.len()), (1, 11));
    assert!(refused.into_iter().all(|one| refusal(one) == Reason::CodeRefused));
    let shown = accepted.into_iter().next().unwrap().unwrap().into_inner().recovery_codes;
    fixture.acknowledge(&sign_in).await.unwrap();
    let next = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&next, &shown[4]).await.unwrap();
}

#[tokio::test]
async fn every_refusal_of_a_sign_ins_enrolment_leaves_its_event() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    assert_eq!(refusal(fixture.confirm(&sign_in, "000000").await), Reason::EnrollmentNotFound);
    assert_eq!(refusal(fixture.acknowledge(&sign_in).await), Reason::EnrollmentNotFound);
    fixture.begin(&sign_in, "").await.unwrap();
    assert_eq!(refusal(fixture.acknowledge(&sign_in).await), Reason::EnrollmentNotConfirmed);
    let malformed = fixture.begin(&sign_in, "no ticket of ours").await.map(drop);
    assert_eq!(refusal(malformed), Reason::EnrollmentTicketRefused);
    let expected = [
        "ENROLLMENT_NOT_FOUND",
        "ENROLLMENT_NOT_FOUND",
        "ENROLLMENT_NOT_CONFIRMED",
        "ENROLLMENT_TICKET_REFUSED",
    ];
    assert_eq!(fixture.refusal_reasons().await, expected);
    // The same attempt once more is the same refusal.
    let other = SignIn { id: types::SignInId::generate(), ..sign_in };
    let attempt = other.confirm("000000").into_inner();
    for _ in 0..3 {
        let again = super::fixture::from_identity(attempt.clone());
        let refused = fixture.verification.confirm_sign_in_enrollment(again).await;
        assert_eq!(refusal(refused), Reason::EnrollmentNotFound);
    }
    assert_eq!(fixture.refusal_reasons().await.len(), 5);
}

#[tokio::test]
async fn a_sessions_calls_about_enrolments_are_bounded_by_the_hour_and_then_nothing_is_looked_at() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.company_user);
    for _ in 0..38 {
        fixture.begin_in(&caller, "").await.unwrap();
    }
    assert_eq!(refusal(fixture.confirm_in(&caller, "00000").await), Reason::InvalidArgument);
    assert_eq!(refusal(fixture.acknowledge_in(&caller).await), Reason::EnrollmentNotConfirmed);
    fixture.tick(HOUR / 2);
    assert_eq!(refusal(fixture.confirm_in(&caller, "000000").await), Reason::EnrollmentNotFound);
    let before = fixture.count("event").await;
    // Another session of the same user is no way around it.
    let other = session(&tree.company_user);
    for _ in 0..5 {
        let refused = fixture.begin_in(&other, "").await.map(drop).unwrap_err();
        let fault = rpc::fault_from_status(refused);
        assert_eq!(
            (fault.reason(), fault.retry_after()),
            (Reason::Overloaded, Some(Duration::from_mins(30)))
        );
        assert_eq!(refusal(fixture.confirm_in(&caller, "000000").await), Reason::Overloaded);
        assert_eq!(refusal(fixture.acknowledge_in(&caller).await), Reason::Overloaded);
    }
    assert_eq!(fixture.count("event").await, before);
    // Neither who signs in nor anybody else is held up.
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.begin(&sign_in, "").await.unwrap();
    fixture.begin_in(&session(&tree.company_admin), "").await.unwrap();
    fixture.tick(HOUR / 2);
    let phone = fixture.begin_in(&caller, "").await.unwrap();
    fixture.confirm_in(&caller, &phone.code(&fixture)).await.unwrap();
    fixture.acknowledge_in(&caller).await.unwrap();
    fixture.tick(25 * HOUR);
    fixture.mfa.expire().await.unwrap();
    assert_eq!(fixture.count("enrollment_calls").await, 0);
}

#[tokio::test]
async fn a_session_that_sends_no_code_of_the_present_factor_leaves_one_event_and_hears_what_to_do() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let caller = super::fixture::session_in(&tree.company_user, 1);
    let refused = fixture.begin_in(&caller, "").await.map(drop).unwrap_err();
    assert!(refused.message().contains("send a fresh code of it"));
    assert_eq!(refusal::<()>(Err(refused)), Reason::FactorExists);
    assert_eq!(fixture.refusal_reasons().await, ["FACTOR_EXISTS"]);
}

#[tokio::test]
async fn a_recovery_code_against_a_recorded_lock_is_counted_although_the_caller_hangs_up() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for code in super::recovering::wrong_codes(6) {
        assert_eq!(refusal(fixture.recover(&sign_in, &code).await), Reason::CodeRefused);
    }
    let counted = "SELECT refused_while_locked FROM recovery_attempts";
    let count = async || fixture.rows.query_one(counted, &[]).await.unwrap().get::<_, i32>(0);
    assert_eq!(count().await, 0);
    // The unit waits for the user's row; by then nobody waits for the unit any more.
    fixture.rows.batch_execute("BEGIN; SELECT FROM user_mfa FOR UPDATE").await.unwrap();
    let blocks = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
        AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
    let is_waiting = async {
        while !fixture.rows.query_one(blocks, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = is_waiting => {}
        answer = fixture.recover(&sign_in, &codes[0]) => panic!("answered under a lock: {answer:?}"),
    }
    fixture.rows.batch_execute("COMMIT").await.unwrap();
    let is_counted = async {
        while count().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_counted).await.unwrap();
}
