//! Codes at sign-in: accepted once, counted always.

use std::sync::Arc;

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Event, VerificationRefusal};
use proto::mfa::Demand;
use proto::mfa::verification_service_server::VerificationService;
use tokio::task::JoinSet;

use super::fixture::{Fixture, SignIn, refusal};

pub(super) fn refusals(events: &[Event]) -> Vec<VerificationRefusal> {
    let class = |event: &Event| match &event.payload {
        Some(Payload::VerificationRefused(refused)) => Some(refused.refusal()),
        _ => None,
    };
    events.iter().filter_map(class).collect()
}

#[tokio::test]
async fn a_code_is_accepted_once_by_whatever_sign_in_and_replica() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Verify);
    let code = phone.code(&fixture);
    let verified = fixture.verify(&sign_in, &code).await.unwrap();
    assert!(verified.verify_time.is_some());

    assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    let again = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.verify(&again, &code).await), Reason::CodeRefused);
    assert_eq!(refusal(fixture.replica().verify_code(again.verify(&code)).await), Reason::CodeRefused);
    // Nor the one before it, which is still in the window.
    assert_eq!(refusal(fixture.verify(&again, &phone.code_at(&fixture, -1)).await), Reason::CodeRefused);
    // A replay does not advance the count: the next code is good.
    fixture.tick(30);
    fixture.verify(&again, &phone.code(&fixture)).await.unwrap();

    let events = fixture.events().await;
    assert_eq!(refusals(&events), [VerificationRefusal::Replayed; 4]);
    let succeeded = events.iter().find(|event| event.r#type == "mfa.verification.succeeded").unwrap();
    let actor = succeeded.actor.as_ref().unwrap();
    assert_eq!(
        (actor.id.as_str(), succeeded.peer.as_str()),
        (&*tree.company_admin.id.to_string(), "identity")
    );
    let Some(Payload::VerificationSucceeded(payload)) = &succeeded.payload else { panic!() };
    assert_eq!(payload.sign_in_id, sign_in.id.to_string());
    assert_eq!(payload.factor_id, verified.factor_id);
}

#[tokio::test]
async fn the_code_that_confirmed_the_enrolment_cannot_sign_in() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let phone = fixture.begin(&sign_in, "").await.unwrap();
    let code = phone.code(&fixture);
    fixture.confirm(&sign_in, &code).await.unwrap();
    fixture.acknowledge(&sign_in).await.unwrap();
    let next = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.verify(&next, &code).await), Reason::CodeRefused);
    fixture.verify(&next, &phone.code_at(&fixture, 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_at_once_with_the_same_code_exactly_one_is_accepted() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let code = phone.code(&fixture);
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let sign_in = fixture.sign_in(&tree.company_admin).await;
        let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.verify(&code));
        tasks.spawn(async move { replica.verify_code(request).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let refused = answers.into_iter().filter(Result::is_err).map(refusal);
    assert!(refused.into_iter().all(|reason| reason == Reason::CodeRefused));
    let events = fixture.events().await;
    assert_eq!(refusals(&events), [VerificationRefusal::Replayed; 49]);
    assert_eq!(events.iter().filter(|event| event.r#type == "mfa.verification.succeeded").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_parallel_they_come_five_wrong_codes_are_evaluated_and_one_lock_recorded() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let replica = Arc::new(fixture.replica());
    let mut tasks = JoinSet::new();
    for code in phone.wrong_codes(&fixture, 40) {
        let (replica, request) = (Arc::clone(&replica), sign_in.verify(&code));
        tasks.spawn(async move { refusal(replica.verify_code(request).await) });
    }
    assert_eq!(tasks.join_all().await, [Reason::CodeRefused; 40]);
    let found = refusals(&fixture.events().await);
    assert_eq!(found.iter().filter(|class| **class == VerificationRefusal::Wrong).count(), 5);
    assert_eq!(found.iter().filter(|class| **class == VerificationRefusal::Locked).count(), 1);
    let row = fixture
        .rows
        .query_one("SELECT refused_while_locked, lock_level FROM user_mfa WHERE lock_recorded", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (34, 1));
}

#[tokio::test]
async fn a_lock_answers_like_a_wrong_code_ends_by_itself_and_doubles() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    for minutes in [1, 2] {
        for code in phone.wrong_codes(&fixture, 5) {
            assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
        }
        fixture.tick(60 * minutes - 1);
        // The right code, not evaluated: it is not spent.
        assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
        fixture.tick(1);
    }
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    let events = fixture.events().await;
    let locks: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.payload {
            Some(Payload::VerificationRefused(refused))
                if refused.refusal() == VerificationRefusal::Wrong =>
            {
                Some((refused.wrong_codes, refused.locked_until.is_some()))
            }
            _ => None,
        })
        .collect();
    let run = [(1, false), (2, false), (3, false), (4, false), (5, true)];
    assert_eq!(locks, [run, run].concat());
    // Success ended the count.
    let row = fixture
        .rows
        .query_one("SELECT wrong_codes, lock_level, cardinality(recent_failures) FROM user_mfa", &[]);
    let row = row.await.unwrap();
    assert_eq!([row.get::<_, i32>(0), row.get(1), row.get(2)], [0, 0, 10]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_counted_all_the_same() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    // Somebody else holds the row, so that the call cannot end before it is dropped.
    fixture.rows.batch_execute("BEGIN; SELECT FROM user_mfa FOR UPDATE").await.unwrap();
    for code in phone.wrong_codes(&fixture, 3) {
        let call = fixture.verify(&sign_in, &code);
        tokio::time::timeout(std::time::Duration::from_millis(50), call).await.unwrap_err();
    }
    fixture.rows.batch_execute("COMMIT").await.unwrap();
    let counted = "SELECT wrong_codes FROM user_mfa";
    let wait = async {
        while fixture.rows.query_one(counted, &[]).await.unwrap().get::<_, i32>(0) < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn what_changed_since_the_sign_in_began_makes_it_outdated_before_anything_is_compared() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let older = SignIn {
        told: proto::mfa::EvaluateSignInResponse { generation: 0, ..sign_in.told.clone() },
        ..sign_in.clone()
    };
    let mut other_policy = sign_in.clone();
    let level =
        proto::common::PolicyLevelVersion { target: tree.company.organization_id().to_string(), version: 1 };
    other_policy.told.policy_version = Some(proto::common::PolicyVersion { levels: vec![level] });
    let code = phone.code(&fixture);
    for outdated in [&older, &other_policy] {
        assert_eq!(refusal(fixture.verify(outdated, &code).await), Reason::GenerationOutdated);
    }
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::Outdated; 2]);
    // The code was not spent, and nothing was counted.
    fixture.verify(&sign_in, &code).await.unwrap();
}

#[tokio::test]
async fn without_a_factor_there_is_nothing_to_verify() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(refusal(fixture.verify(&sign_in, "000000").await), Reason::FactorMissing);
    assert_eq!(refusals(&fixture.events().await), [VerificationRefusal::NoFactor]);
}

#[tokio::test]
async fn malformed_codes_are_no_attempts() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_admin).await;
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let before = fixture.count("event").await;
    for code in ["", "12345", "1234567", " 12345", "１２３４５６", "+12345"] {
        assert_eq!(refusal(fixture.verify(&sign_in, code).await), Reason::InvalidArgument, "{code}");
    }
    assert_eq!(fixture.count("event").await, before);
}

#[tokio::test]
async fn a_secret_that_does_not_open_is_never_no_factor() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let other = fixture.enroll(&tree.company_user).await;
    // Somebody moved another user's secret here, to sign in with their phone.
    let swap = "UPDATE factor SET sealed_secret = (SELECT sealed_secret FROM factor WHERE user_id = $1) WHERE user_id = $2";
    let (from, to) = (tree.company_user.id.uuid(), tree.company_admin.id.uuid());
    fixture.rows.execute(swap, &[&from, &to]).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    assert_eq!(sign_in.told.demand(), Demand::Verify);
    for code in [phone.code(&fixture), other.code(&fixture)] {
        assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::Corrupt);
    }
}

#[tokio::test]
async fn a_hundred_failures_in_thirty_days_lock_until_a_reset() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_admin).await;
    let fill = "UPDATE user_mfa SET recent_failures = ARRAY(SELECT $1::timestamptz + n * interval '1 hour' FROM generate_series(1, 99) n)";
    let start = clock::Clock::now(&fixture.clock) - time::Duration::days(10);
    fixture.rows.execute(fill, &[&start]).await.unwrap();
    let sign_in = fixture.sign_in(&tree.company_admin).await;
    let wrong = phone.wrong_codes(&fixture, 1).remove(0);
    assert_eq!(refusal(fixture.verify(&sign_in, &wrong).await), Reason::CodeRefused);
    fixture.tick(60 * 60 * 24 * 365);
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
}
