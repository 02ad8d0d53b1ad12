//! `UnlockUser`.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Event, NotificationKind, UserUnlocked};
use proto::mfa::UnlockUserRequest;
use proto::mfa::factor_service_server::FactorService;
use tonic::Status;
use types::{AuthSource, RequestId, Role};
use wire::UserFacts;

use super::fixture::{Fixture, by, refusal, session};

impl Fixture {
    pub(super) async fn unlock(&self, actor: &UserFacts, user: &UserFacts) -> Result<(), Status> {
        self.factors.unlock_user(by(&session(actor), request(user))).await.map(drop)
    }

    async fn unlocked(&self) -> Vec<(Event, UserUnlocked)> {
        let told = |event: Event| match event.payload.clone() {
            Some(Payload::UserUnlocked(unlocked)) => Some((event, unlocked)),
            _ => None,
        };
        self.events().await.into_iter().filter_map(told).collect()
    }

    async fn failures_kept(&self) -> i64 {
        let row =
            self.rows.query_one("SELECT coalesce(sum(cardinality(recent_failures)), 0) FROM user_mfa", &[]);
        row.await.unwrap().get(0)
    }
}

fn request(user: &UserFacts) -> UnlockUserRequest {
    UnlockUserRequest { user_id: user.id.to_string(), reason: "guessed at".into(), ..Default::default() }
}

#[tokio::test]
async fn an_administrator_ends_a_lock_and_nothing_else_changes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess(&sign_in, &phone, 9).await;
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
    fixture.unlock(&tree.company_admin, &tree.company_user).await.unwrap();
    // The open sign-in goes on: nobody's generation has risen, and nobody has to be waited for.
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    assert!(fixture.peers.awaited().is_empty());
    assert_eq!(fixture.failures_kept().await, 0);

    let [(event, unlocked)] = &fixture.unlocked().await[..] else { panic!("one event") };
    assert_eq!((event.r#type.as_str(), unlocked.reason.as_str()), ("mfa.user.unlocked", "guessed at"));
    assert!(!unlocked.was_exhausted);
    assert_eq!(event.actor.as_ref().unwrap().id, tree.company_admin.id.to_string());
    assert_eq!(event.subject.as_ref().unwrap().id, tree.company_user.id.to_string());
    let notice = fixture.notices().await.pop().unwrap();
    assert_eq!((notice.due.kind(), notice.about.id), (NotificationKind::Unlocked, event.id.clone()));
    // What was counted against the lock is told with its end: four more, and the right code.
    let told: Vec<i32> = fixture
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event.payload {
            Some(Payload::LockHammered(hammered)) => Some(hammered.attempts),
            _ => None,
        })
        .collect();
    assert_eq!(told, [4]);
    // The next lock is a first one again.
    fixture.guess(&sign_in, &phone, 5).await;
    fixture.tick(60);
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_only_an_administrator_can_end_ends_with_a_whole_new_budget() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess_patiently(&sign_in, &phone, 24).await;
    fixture.guess(&sign_in, &phone, 4).await;
    fixture.tick(60 * 60 * 24 * 40);
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
    fixture.unlock(&tree.reseller_admin, &tree.company_user).await.unwrap();
    assert!(fixture.unlocked().await[0].1.was_exhausted);
    fixture.guess_patiently(&sign_in, &phone, 2).await;
}

#[tokio::test]
async fn locks_of_recovery_codes_end_with_it() {
    let (fixture, tree) = Fixture::with_tree().await;
    fixture.enroll(&tree.company_user).await;
    let lock =
        "INSERT INTO recovery_attempts (organization_id, user_id, wrong_codes, lock_level, locked_until,
                    lock_recorded, refused_while_locked, recent_failures, exhausted_time)
                SELECT organization_id, user_id, 0, 1, NULL, true, 3, ARRAY[$1::timestamptz], $1 FROM factor";
    fixture.rows.execute(lock, &[&clock::Clock::now(&fixture.clock)]).await.unwrap();
    fixture.unlock(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(fixture.count("recovery_attempts").await, 0);
    assert!(fixture.unlocked().await[0].1.was_exhausted);
    let types = fixture.event_types().await;
    assert_eq!(
        types[types.len() - 3..],
        ["mfa.verification.lock_hammered", "mfa.user.unlocked", "mfa.user.notification_due"]
    );
}

#[tokio::test]
async fn unlocking_who_is_not_locked_is_recorded_and_tells_the_user_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let before = fixture.notices().await.len();
    fixture.unlock(&tree.company_admin, &tree.company_user).await.unwrap();
    // Somebody who never had a factor, too.
    fixture.unlock(&tree.reseller_admin, &tree.company_admin).await.unwrap();
    assert_eq!((fixture.unlocked().await.len(), fixture.notices().await.len()), (2, before));
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn a_repetition_unlocks_nobody_a_second_time() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.guess(&sign_in, &phone, 5).await;
    let caller = session(&tree.company_admin);
    let request =
        UnlockUserRequest { request_id: RequestId::generate().to_string(), ..request(&tree.company_user) };
    fixture.factors.unlock_user(by(&caller, request.clone())).await.unwrap();
    fixture.guess(&sign_in, &phone, 5).await;
    fixture.factors.unlock_user(by(&caller, request.clone())).await.unwrap();
    assert_eq!(refusal(fixture.verify(&sign_in, &phone.code(&fixture)).await), Reason::CodeRefused);
    assert_eq!(fixture.unlocked().await.len(), 1);
    let other = UnlockUserRequest { reason: "another".into(), ..request };
    assert_eq!(refusal(fixture.factors.unlock_user(by(&caller, other)).await), Reason::RequestIdReused);
}

#[tokio::test]
async fn nobody_unlocks_themselves_their_superiors_strangers_or_whom_another_checks() {
    let (fixture, tree) = Fixture::with_tree().await;
    let operator = fixture.create_user(&tree.provider, Role::ProviderOperator, false).await;
    fixture.switch_source(tree.company_user.id, AuthSource::External).await;
    for (actor, user, reason) in [
        (&tree.company_admin, &tree.company_admin, Reason::SelfAdministration),
        (&tree.company_admin, &tree.reseller_admin, Reason::NotFound),
        (&tree.other_reseller_admin, &tree.company_admin, Reason::NotFound),
        (&operator, &tree.provider_admin, Reason::TargetOutranksActor),
        (&tree.company_admin, &tree.company_user, Reason::UserNotLocal),
    ] {
        assert_eq!(refusal(fixture.unlock(actor, user).await), reason);
    }
    let nobody = UnlockUserRequest { user_id: super::fixture::stranger().to_string(), ..request(&operator) };
    let caller = session(&tree.provider_admin);
    assert_eq!(refusal(fixture.factors.unlock_user(by(&caller, nobody)).await), Reason::NotFound);
    for reason in ["", "  "] {
        let request = UnlockUserRequest { reason: reason.into(), ..request(&operator) };
        assert_eq!(refusal(fixture.factors.unlock_user(by(&caller, request)).await), Reason::InvalidArgument);
    }
    assert_eq!((fixture.count("event").await, fixture.count("user_mfa").await), (1, 1));
}
