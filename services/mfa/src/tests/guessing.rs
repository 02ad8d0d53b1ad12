//! What guessing leads to: locks, of which the user is told; attempts against them, which are counted; and at last the
//! suspicion that somebody else knows the password.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{ActorKind, Event, LockHammered, NotificationKind, SubjectKind};
use proto::mfa::BeginEnrollmentRequest;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::verification_service_server::VerificationService;
use tonic::Status;

use super::fixture::{Fixture, Phone, SignIn, by, refusal, session_in};
use super::notifying::Notice;
use crate::domain::{AskedThresholds, Thresholds};

impl Fixture {
    /// So many wrong codes, each evaluated or not, all refused alike.
    pub(super) async fn guess(&self, sign_in: &SignIn, phone: &Phone, count: usize) {
        for code in phone.wrong_codes(self, count) {
            assert_eq!(refusal(self.verify(sign_in, &code).await), Reason::CodeRefused);
        }
    }

    /// So many wrong codes, four between two right ones, so that nothing is locked.
    pub(super) async fn guess_patiently(&self, sign_in: &SignIn, phone: &Phone, rounds: usize) {
        for _ in 0..rounds {
            self.guess(sign_in, phone, 4).await;
            self.tick(30);
            self.verify(sign_in, &phone.code(self)).await.unwrap();
        }
    }

    async fn hammered(&self) -> Vec<(Event, LockHammered)> {
        let told = |event: Event| match event.payload.clone() {
            Some(Payload::LockHammered(hammered)) => Some((event, hammered)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(told).collect()
    }

    async fn suspicions(&self) -> Vec<(Event, i32)> {
        let told = |event: Event| match event.payload.clone() {
            Some(Payload::PasswordSuspected(suspected)) => Some((event, suspected.wrong_codes)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(told).collect()
    }

    async fn counted(&self) -> i32 {
        let row = self.rows.query_one("SELECT refused_while_locked FROM user_mfa WHERE generation > 0", &[]);
        row.await.unwrap().get(0)
    }
}

fn is_only_counted(status: Status) -> bool {
    rpc::is_only_counted(&rpc::fault_from_status(status))
}

#[tokio::test]
async fn the_user_is_told_of_every_lock_and_until_when_it_lasts() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let before = fixture.notices().await.len();
    fixture.guess(&sign_in, &phone, 4).await;
    assert_eq!(fixture.notices().await.len(), before);
    for minutes in [1, 2] {
        fixture.guess(&sign_in, &phone, 5 - if minutes == 1 { 4 } else { 0 }).await;
        let Notice { event, about, due } = fixture.notices().await.pop().unwrap();
        assert_eq!(
            (due.kind(), about.r#type.as_str()),
            (NotificationKind::Locked, "mfa.verification.refused")
        );
        let until = clock::Clock::now(&fixture.clock) + time::Duration::minutes(minutes);
        assert_eq!(due.locked_until, Some(wire::timestamp_to_wire(until)));
        let subject = event.subject.unwrap();
        assert_eq!((subject.kind(), subject.id), (SubjectKind::User, tree.company_user.id.to_string()));
        assert_eq!(event.organization_id, tree.company.organization_id().to_string());
        fixture.tick(60 * minutes);
    }
    assert_eq!(fixture.notices().await.len(), before + 2);
}

#[tokio::test]
async fn of_a_lock_that_only_an_administrator_ends_the_user_is_told_no_end() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_patiently(&sign_in, &phone, 24).await;
    fixture.guess(&sign_in, &phone, 4).await;
    let due = fixture.notices().await.pop().unwrap().due;
    assert_eq!((due.kind(), due.locked_until), (NotificationKind::Locked, None));
    fixture.tick(60 * 60 * 24 * 365);
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
    // Nothing was evaluated, and nothing more is told however long it is tried.
    let events = fixture.count("event").await;
    fixture.guess(&sign_in, &phone, 20).await;
    assert_eq!((fixture.count("event").await, fixture.counted().await), (events, 20));
    assert_eq!(fixture.mfa.tell_ended_locks().await.unwrap(), 0);
}

#[tokio::test]
async fn attempts_against_a_lock_are_counted_and_told_once_when_it_has_ended() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess(&sign_in, &phone, 5).await;
    let until = clock::Clock::now(&fixture.clock) + time::Duration::minutes(1);
    // The first is recorded, here and by identity; the others are not, and identity is told so. The right code is no other.
    let first = fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap_err();
    assert!(!is_only_counted(first));
    let events = fixture.count("event").await;
    let codes = [phone.wrong_codes(&fixture, 6), vec![phone.code(&fixture)]].concat();
    for code in codes {
        assert!(is_only_counted(fixture.verify(&sign_in, &code).await.unwrap_err()));
    }
    assert_eq!((fixture.count("event").await, fixture.counted().await), (events, 7));

    fixture.tick(60);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    let [(event, hammered)] = &fixture.hammered().await[..] else { panic!("one event") };
    assert_eq!((hammered.attempts, hammered.recovery_codes), (7, false));
    assert_eq!(hammered.locked_until, Some(wire::timestamp_to_wire(until)));
    assert_eq!(event.subject.as_ref().unwrap().id, tree.company_user.id.to_string());
    assert_eq!(fixture.counted().await, 0);
    // Told before what ended the silence, and never again.
    let types = fixture.event_types().await;
    assert_eq!(types[types.len() - 2..], ["mfa.verification.lock_hammered", "mfa.verification.succeeded"]);
    fixture.guess(&sign_in, &phone, 1).await;
    assert_eq!(fixture.hammered().await.len(), 1);
}

#[tokio::test]
async fn whatever_is_evaluated_first_after_a_lock_tells_of_it() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.tick(30);
    let replayed = phone.code(&fixture);
    fixture.verify(&sign_in, &replayed).await.unwrap();
    for (number, ending) in ["replayed", "wrong"].into_iter().enumerate() {
        // The lock is over while the code is still in the window.
        let locked = clock::Clock::now(&fixture.clock) + time::Duration::seconds(1);
        fixture.guess(&sign_in, &phone, 4).await;
        fixture
            .rows
            .execute("UPDATE user_mfa SET locked_until = $1 WHERE generation > 0", &[&locked])
            .await
            .unwrap();
        fixture.guess(&sign_in, &phone, 3).await;
        assert_eq!(fixture.counted().await, 2);
        fixture.tick(1);
        match ending {
            "replayed" => {
                assert_eq!(refusal(fixture.verify(&sign_in, &replayed).await), Reason::CodeRefused);
            }
            _ => fixture.guess(&sign_in, &phone, 1).await,
        }
        let hammered = fixture.hammered().await;
        assert_eq!((hammered.len(), hammered[number].1.attempts), (number + 1, 2), "{ending}");
        assert_eq!(fixture.counted().await, 0);
        fixture.tick(120);
        fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_that_nobody_comes_back_to_is_told_of_by_the_service() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess(&sign_in, &phone, 9).await;
    assert_eq!((fixture.counted().await, fixture.mfa.tell_ended_locks().await.unwrap()), (3, 0));
    fixture.tick(60);
    // Two replicas at once tell it once.
    let (one, other) = tokio::join!(fixture.mfa.tell_ended_locks(), fixture.mfa.tell_ended_locks());
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    assert_eq!(fixture.mfa.tell_ended_locks().await.unwrap(), 0);
    let [(event, hammered)] = &fixture.hammered().await[..] else { panic!("one event") };
    let actor = event.actor.as_ref().unwrap();
    assert_eq!((actor.kind(), actor.id.as_str(), hammered.attempts), (ActorKind::Service, "mfa", 3));
    assert_eq!(event.path.len(), 3);
    // The count of locks is not forgotten: the next one is longer.
    fixture.guess(&sign_in, &phone, 5).await;
    fixture.tick(119);
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
}

#[tokio::test]
async fn callers_outside_cannot_tell_a_lock_from_a_wrong_code() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let mut told = Vec::new();
    let codes = [phone.wrong_codes(&fixture, 9), vec![phone.code(&fixture)]].concat();
    for code in codes {
        let request = BeginEnrollmentRequest { code, ..Default::default() };
        let status = fixture.factors.begin_enrollment(by(&caller, request)).await.unwrap_err();
        told.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert_eq!(fixture.counted().await, 4);
    told.dedup();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn at_twenty_wrong_codes_the_password_is_suspected_once_until_the_window_falls_below() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_patiently(&sign_in, &phone, 4).await;
    fixture.guess(&sign_in, &phone, 3).await;
    assert_eq!(fixture.suspicions().await.len(), 0);
    fixture.guess(&sign_in, &phone, 1).await;
    let [(event, 20)] = &fixture.suspicions().await[..] else { panic!("one suspicion at twenty") };
    assert_eq!(event.r#type, "mfa.password.suspected");
    let subject = event.subject.as_ref().unwrap();
    assert_eq!((subject.kind(), subject.id.clone()), (SubjectKind::User, tree.company_user.id.to_string()));
    let Notice { about, due, .. } = fixture.notices().await.pop().unwrap();
    assert_eq!((due.kind(), about.id), (NotificationKind::PasswordSuspected, event.id.clone()));

    // More of them change nothing, and neither does success.
    fixture.tick(30);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.guess_patiently(&sign_in, &phone, 3).await;
    assert_eq!(fixture.suspicions().await.len(), 1);
    // A month later all is forgotten, and begins anew.
    fixture.tick(60 * 60 * 24 * 31);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    fixture.guess_patiently(&sign_in, &phone, 4).await;
    fixture.guess(&sign_in, &phone, 3).await;
    assert_eq!(fixture.suspicions().await.len(), 1);
    fixture.guess(&sign_in, &phone, 1).await;
    assert_eq!(fixture.suspicions().await.len(), 2);
}

/// An administrator who becomes stricter means those who guess already, too.
#[tokio::test]
async fn a_suspicion_that_fewer_wrong_codes_suffice_for_is_told_with_the_next_one() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_patiently(&sign_in, &phone, 4).await;
    assert_eq!(fixture.suspicions().await.len(), 0);
    let asked = AskedThresholds { suspicion: 10, ..AskedThresholds::DEFAULT };
    let strict = fixture.replica_that_bears(Thresholds::within_bounds(asked).unwrap());
    for code in phone.wrong_codes(&fixture, 3) {
        assert_eq!(refusal(strict.verify_code(sign_in.verify(&code)).await), Reason::CodeRefused);
    }
    let counts: Vec<i32> = fixture.suspicions().await.into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [17]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_parallel_they_come_the_password_is_suspected_once() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_patiently(&sign_in, &phone, 4).await;
    let asked = AskedThresholds { consecutive: 10, ..AskedThresholds::DEFAULT };
    let replica = std::sync::Arc::new(fixture.replica_that_bears(Thresholds::within_bounds(asked).unwrap()));
    let mut tasks = tokio::task::JoinSet::new();
    for code in phone.wrong_codes(&fixture, 30) {
        let (replica, request) = (std::sync::Arc::clone(&replica), sign_in.verify(&code));
        tasks.spawn(async move { refusal(replica.verify_code(request).await) });
    }
    assert_eq!(tasks.join_all().await, [Reason::CodeRefused; 30]);
    assert_eq!(fixture.suspicions().await.len(), 1);
    let locked =
        fixture.notices().await.into_iter().filter(|notice| notice.due.kind() == NotificationKind::Locked);
    assert_eq!(locked.count(), 1);
}

#[tokio::test]
async fn thresholds_are_the_configured_ones() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    let asked = AskedThresholds {
        consecutive: 3,
        first_lock: 120,
        longest_lock: 600,
        budget: 20,
        suspicion: 10,
        step_window: 2,
    };
    let strict = fixture.replica_that_bears(Thresholds::within_bounds(asked).unwrap());
    let verify = async |code: &str| strict.verify_code(sign_in.verify(code)).await.map(drop);
    for minutes in [2, 4, 8, 10, 10, 10] {
        for code in phone.wrong_codes(&fixture, 3) {
            assert_eq!(refusal(verify(&code).await), Reason::CodeRefused);
        }
        fixture.tick(60 * minutes - 1);
        assert_eq!(refusal(verify(&phone.code(&fixture)).await), Reason::CodeRefused);
        fixture.tick(1);
    }
    let counts: Vec<i32> = fixture.suspicions().await.into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [10]);
    // Two steps away is still right.
    verify(&phone.code_at(&fixture, 2)).await.unwrap();
    for code in phone.wrong_codes(&fixture, 2) {
        assert_eq!(refusal(verify(&code).await), Reason::CodeRefused);
    }
    fixture.tick(60 * 60);
    assert_eq!(refusal(verify(&phone.code(&fixture)).await), Reason::CodeRefused);
    let row =
        fixture.rows.query_one("SELECT exhausted_time IS NOT NULL FROM user_mfa WHERE generation > 0", &[]);
    assert!(row.await.unwrap().get::<_, bool>(0));
}
