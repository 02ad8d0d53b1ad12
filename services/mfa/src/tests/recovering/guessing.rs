//! The throttle of recovery codes: apart from that of codes, and as strict.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock as _, Timestamp};
use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Event, NotificationKind, VerificationRefusal};
use proto::mfa::verification_service_server::VerificationService;
use tokio::task::JoinSet;

use super::{Fixture, refusal, refusals, wrong_codes};
use crate::tests::fixture::{Phone, SignIn};

const DAY: i64 = 24 * 60 * 60;

impl Fixture {
    async fn recovery_row(&self) -> (i32, i32, i32, i32) {
        const SQL: &str = "SELECT wrong_codes, lock_level, refused_while_locked, cardinality(recent_failures) FROM recovery_attempts";
        let row = self.rows.query_one(SQL, &[]).await.unwrap();
        (row.get(0), row.get(1), row.get(2), row.get(3))
    }

    async fn recovery_hammered(&self) -> Vec<(i32, bool, bool)> {
        let hammered = |event: Event| match event.payload {
            Some(Payload::LockHammered(told)) => {
                Some((told.attempts, told.recovery_codes, told.locked_until.is_some()))
            }
            _ => None,
        };
        self.events().await.into_iter().filter_map(hammered).collect()
    }

    async fn guess_recovery(&self, sign_in: &SignIn, times: usize) {
        for code in wrong_codes(times) {
            assert_eq!(refusal(self.recover(sign_in, &code).await), Reason::CodeRefused);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_parallel_they_come_five_wrong_ones_are_evaluated_and_one_lock_recorded() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    let mut tasks = JoinSet::new();
    for (number, code) in wrong_codes(60).into_iter().enumerate() {
        let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.recover(&code));
        tasks.spawn(async move { refusal(replica.verify_recovery_code(request).await) });
    }
    assert_eq!(tasks.join_all().await, [Reason::CodeRefused; 60]);
    let found = refusals(&fixture.events().await);
    assert_eq!(found.iter().filter(|class| **class == VerificationRefusal::Wrong).count(), 5);
    assert_eq!(found.iter().filter(|class| **class == VerificationRefusal::Locked).count(), 1);
    assert_eq!(fixture.recovery_row().await, (0, 1, 54, 5));

    // Under the lock the right one is not evaluated, and so not spent; after it, it is good, and the attempts are told.
    fixture.tick(59);
    let counted = fixture.recover(&sign_in, &codes[0]).await.unwrap_err();
    assert!(rpc::is_only_counted(&rpc::fault_from_status(counted)));
    fixture.tick(1);
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
    assert_eq!(fixture.recovery_row().await, (0, 0, 0, 5));
    assert_eq!(fixture.recovery_hammered().await, [(55, true, true)]);
}

#[tokio::test]
async fn where_nobody_comes_again_the_service_itself_tells_how_often_a_lock_was_tried() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_recovery(&sign_in, 5 + 1 + 7).await;
    assert_eq!(fixture.mfa.tell_ended_locks().await.unwrap(), 0);
    fixture.tick(60);
    assert_eq!(fixture.mfa.tell_ended_locks().await.unwrap(), 1);
    assert_eq!(fixture.mfa.tell_ended_locks().await.unwrap(), 0);
    assert_eq!(fixture.recovery_hammered().await, [(7, true, true)]);
    // What was counted of failures stays.
    assert_eq!(fixture.recovery_row().await, (0, 1, 0, 5));
}

#[tokio::test]
async fn each_lock_is_twice_as_long_and_the_user_is_to_be_told() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        fixture.guess_recovery(&sign_in, 5).await;
        fixture.tick(60 * minutes - 1);
        assert_eq!(refusal(fixture.recover(&sign_in, &codes[0]).await), Reason::CodeRefused, "{minutes}");
        fixture.tick(1);
    }
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
    let told = |event: &Event| match &event.payload {
        Some(Payload::NotificationDue(notice)) if notice.kind() == NotificationKind::Locked => {
            Some(notice.locked_until.is_some())
        }
        _ => None,
    };
    let told: Vec<bool> = fixture.events().await.iter().filter_map(told).collect();
    assert_eq!(told, [true; 8]);
    // Twenty wrong ones say as much of the password as twenty wrong codes.
    let types = fixture.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "mfa.password.suspected").count(), 1);
}

#[tokio::test]
async fn the_two_throttles_know_nothing_of_each_other() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    // Four of each: a success of the one is none of the other.
    fixture.guess_recovery(&sign_in, 4).await;
    for code in phone.wrong_codes(&fixture, 4) {
        assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    }
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
    let wrong = "SELECT wrong_codes FROM user_mfa";
    assert_eq!(fixture.rows.query_one(wrong, &[]).await.unwrap().get::<_, i32>(0), 4);
    fixture.guess_recovery(&sign_in, 4).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert_eq!(fixture.recovery_row().await, (4, 0, 0, 8));
    // The lock of the one does not stop the other.
    fixture.guess_recovery(&sign_in, 1).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &codes[1]).await), Reason::CodeRefused);
    fixture.tick(30);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert!(!fixture.listed(&tree.company_user).await.locked);
    fixture.tick(30);
    for code in phone.wrong_codes(&fixture, 5) {
        assert_eq!(refusal(fixture.verify(&sign_in, &code).await), Reason::CodeRefused);
    }
    let listed = fixture.listed(&tree.company_user).await;
    assert!(listed.locked && listed.locked_until.is_some());
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
    fixture.recover(&sign_in, &codes[1]).await.unwrap();
}

#[tokio::test]
async fn a_hundred_wrong_ones_in_thirty_days_lock_until_a_reset() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_recovery(&sign_in, 1).await;
    let fill = "UPDATE recovery_attempts SET recent_failures = ARRAY(SELECT $1::timestamptz + n * interval '1 hour' FROM generate_series(1, 99) n)";
    let start = fixture.clock.now() - time::Duration::days(10);
    fixture.rows.execute(fill, &[&start]).await.unwrap();
    fixture.guess_recovery(&sign_in, 1).await;
    fixture.tick(365 * DAY);
    assert_eq!(refusal(fixture.recover(&sign_in, &codes[0]).await), Reason::CodeRefused);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    let (_, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.recover(&sign_in, &codes[0]).await.unwrap();
}

#[tokio::test]
async fn neither_a_new_phone_nor_new_codes_give_a_guesser_new_attempts() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, _) = fixture.enroll_with_codes(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_recovery(&sign_in, 4).await;
    let codes = fixture.regenerate(&tree.company_user, &phone.code(&fixture)).await.unwrap();
    assert_eq!(fixture.recovery_row().await, (4, 0, 0, 4));
    fixture.guess_recovery(&sign_in, 1).await;
    assert_eq!(refusal(fixture.recover(&sign_in, &codes[0]).await), Reason::CodeRefused);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_counted_all_the_same() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    // Somebody else holds the row, so that the call cannot end before it is dropped.
    fixture.rows.batch_execute("BEGIN; SELECT FROM user_mfa FOR UPDATE").await.unwrap();
    for code in wrong_codes(3) {
        let call = fixture.recover(&sign_in, &code);
        tokio::time::timeout(Duration::from_millis(50), call).await.unwrap_err();
    }
    fixture.rows.batch_execute("COMMIT").await.unwrap();
    let counted = "SELECT coalesce(max(wrong_codes), 0) FROM recovery_attempts";
    let wait = async {
        while fixture.rows.query_one(counted, &[]).await.unwrap().get::<_, i32>(0) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

/// How somebody guesses for a year who knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guesser {
    /// Codes, more a day than the budget bears.
    Greedy,
    /// Codes, so few a day that the budget is never used up.
    Patient,
    /// Codes, three on most days and four on every third or fourth: 99 in any thirty days.
    BelowTheEdge,
    /// Codes, three on most days and four on every third: the hundredth comes within thirty days.
    OnTheEdge,
    /// Recovery codes, more a day than their budget bears.
    OfRecoveryCodes,
    /// A code and a recovery code in turn.
    Alternating,
}

impl Guesser {
    /// So many codes and recovery codes on a day, one of each an hour: each lock has ended by the next.
    const fn on(self, day: i64) -> [i64; 2] {
        match self {
            Self::Greedy => [8, 0],
            Self::OfRecoveryCodes => [0, 8],
            Self::Patient => [3, 0],
            Self::BelowTheEdge => [if matches!(day % 10, 0 | 3 | 6) { 4 } else { 3 }, 0],
            Self::OnTheEdge => [if day % 3 == 0 { 4 } else { 3 }, 0],
            Self::Alternating => [4, 4],
        }
    }

    async fn guess(self, fixture: &Fixture, sign_in: &SignIn, phone: &Phone, day: i64) {
        let [codes, recovery_codes] = self.on(day);
        for hour in 0..24 {
            if hour < codes {
                let wrong = phone.wrong_codes(fixture, 1).remove(0);
                assert_eq!(refusal(fixture.verify(sign_in, &wrong).await), Reason::CodeRefused);
            }
            if hour < recovery_codes {
                fixture.guess_recovery(sign_in, 1).await;
            }
            if hour < codes.max(recovery_codes) {
                fixture.tick(60 * 60);
            }
        }
    }
}

/// What a year of guessing came to.
struct Year {
    /// The most codes, and the most recovery codes, that were evaluated within any thirty days.
    most: [usize; 2],
    /// How many were evaluated in all.
    all: [usize; 2],
    /// On how many days the owner got in with a code.
    by_phone: i32,
    /// Whether a recovery code is good when all is over.
    recovers: bool,
}

/// A year in which the owner signs in once a day, after the guesses.
async fn a_year(guesser: Guesser, expected: Year) {
    let (fixture, tree) = Fixture::with_tree().await;
    let (phone, codes) = fixture.enroll_with_codes(&tree.company_user).await;
    let mut by_phone = 0;
    for day in 0..365 {
        let sign_in = fixture.sign_in(&tree.company_user).await;
        guesser.guess(&fixture, &sign_in, &phone, day).await;
        by_phone += i32::from(fixture.verify(&sign_in, &phone.code(&fixture)).await.is_ok());
        let [codes, recovery_codes] = guesser.on(day);
        fixture.tick(DAY - codes.max(recovery_codes) * 60 * 60);
    }
    let events = fixture.events().await;
    let evaluated = evaluated(&events);
    let most = [0, 1].map(|kind| most_within(&evaluated[kind], time::Duration::days(30)));
    let all = [0, 1].map(|kind| evaluated[kind].len());
    assert_eq!((most, all, by_phone), (expected.most, expected.all, expected.by_phone), "{guesser:?}");
    // Neither did the log grow with what was not evaluated: each lock is told of once.
    let refused = |event: &&Event| event.r#type.ends_with(".refused");
    let (refused, all) = (events.iter().filter(refused).count(), all[0] + all[1]);
    assert!(refused <= all + all / 5 + 2, "{guesser:?}: {refused}");
    // Where recovery codes were not guessed, they are as good as on the first day.
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let answer = fixture.recover(&sign_in, &codes[0]).await;
    if expected.recovers {
        assert_eq!(answer.unwrap().recovery_codes_left, 9, "{guesser:?}");
    } else {
        assert_eq!(refusal(answer), Reason::CodeRefused, "{guesser:?}");
    }
}

#[tokio::test]
async fn a_year_of_patient_guessing_gets_a_hundred_in_thirty_days_and_the_owner_in() {
    // The budget was used up in a fortnight, and from then on nothing was evaluated any more.
    let greedy = Year { most: [100, 0], all: [100, 0], by_phone: 12, recovers: true };
    a_year(Guesser::Greedy, greedy).await;
    let patient = Year { most: [90, 0], all: [365 * 3, 0], by_phone: 365, recovers: true };
    a_year(Guesser::Patient, patient).await;
}

#[tokio::test]
async fn a_year_of_guessing_at_the_edge_of_the_budget_falls_on_one_side_or_the_other() {
    let below = Year { most: [99, 0], all: [36 * 33 + 17, 0], by_phone: 365, recovers: true };
    a_year(Guesser::BelowTheEdge, below).await;
    // The hundredth came on the thirtieth day, before its owner did.
    let on = Year { most: [100, 0], all: [100, 0], by_phone: 29, recovers: true };
    a_year(Guesser::OnTheEdge, on).await;
}

/// Recovery codes have a budget of their own: a hundred of each are evaluated, however they are mixed, and the end of one budget
/// opens nothing of the other.
#[tokio::test]
async fn a_year_of_guessing_both_kinds_gets_a_hundred_of_each() {
    let apart = Year { most: [0, 100], all: [0, 100], by_phone: 365, recovers: false };
    a_year(Guesser::OfRecoveryCodes, apart).await;
    let mixed = Year { most: [100, 100], all: [100, 100], by_phone: 24, recovers: false };
    a_year(Guesser::Alternating, mixed).await;
}

/// When wrong codes were evaluated, and when wrong recovery codes: by all events of the log.
fn evaluated(events: &[Event]) -> [Vec<Timestamp>; 2] {
    let mut evaluated: [Vec<Timestamp>; 2] = Default::default();
    for event in events {
        let (kind, refusal) = match &event.payload {
            Some(Payload::VerificationRefused(refused)) => (0, refused.refusal()),
            Some(Payload::RecoveryCodeRefused(refused)) => (1, refused.refusal()),
            _ => continue,
        };
        if refusal == VerificationRefusal::Wrong {
            let at = wire::timestamp("record_time", event.record_time.as_ref().unwrap()).unwrap();
            evaluated[kind].push(at);
        }
    }
    evaluated
}

/// The most of them within any time so long: from each of them on.
fn most_within(times: &[Timestamp], window: time::Duration) -> usize {
    let from = |first: &Timestamp| times.iter().filter(|at| **at >= *first && **at - *first < window).count();
    times.iter().map(from).max().unwrap_or(0)
}
