//! Whoever can write to the database: sealed secrets that were exchanged, put back or spoiled are an alarm and a refusal, never
//! a way in, and never an offer to enrol.

use fault::Reason;
use proto::events::event::Payload;
use proto::events::{Event, SecretUnreadable};
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Demand, ResetMfaRequest};
use tokio_postgres::types::ToSql;
use types::RequestId;
use wire::UserFacts;

use super::fixture::{Fixture, Phone, by, refusal, session, session_in};

impl Fixture {
    async fn tamper(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) {
        assert!(self.rows.execute(sql, parameters).await.unwrap() > 0, "{sql}");
    }

    /// The alarms so far.
    async fn alarms(&self) -> Vec<SecretUnreadable> {
        let unreadable = |event: Event| match event.payload {
            Some(Payload::SecretUnreadable(unreadable)) => {
                assert_eq!(
                    (event.r#type.as_str(), event.reason.as_str()),
                    ("mfa.secret.unreadable", "CORRUPT")
                );
                Some(unreadable)
            }
            _ => None,
        };
        self.events().await.into_iter().filter_map(unreadable).collect()
    }

    /// Nothing that the phone shows is accepted, nothing is counted, the user is not asked to enrol, and the log has one alarm
    /// more, of this cause.
    async fn is_refused_and_told(&self, user: &UserFacts, phones: &[&Phone], cause: &str) {
        let (before, failures) = (self.alarms().await.len(), self.failures(user).await);
        let sign_in = self.sign_in(user).await;
        assert_eq!(sign_in.told.demand(), Demand::Verify, "{cause}");
        for phone in phones {
            for steps in -1..=1 {
                let refused = self.verify(&sign_in, &phone.code_at(self, steps)).await;
                assert_eq!(refusal(refused), Reason::Corrupt, "{cause}");
            }
        }
        let enrols = self.begin(&sign_in, "").await.map(drop);
        assert_eq!(refusal(enrols), Reason::FactorExists, "{cause}");
        let caller = session_in(user, sign_in.told.generation);
        let replaces = self.begin_in(&caller, &phones[0].code(self)).await.map(drop);
        assert_eq!(refusal(replaces), Reason::Corrupt, "{cause}");
        let alarms = self.alarms().await;
        assert_eq!(alarms.len(), before + 1, "{cause}");
        let alarm = alarms.last().unwrap();
        assert_eq!((alarm.table.as_str(), alarm.cause.as_str()), ("factor", cause));
        let sql = "SELECT factor_id::text FROM factor WHERE user_id = $1";
        let row = self.rows.query_one(sql, &[&user.id.uuid()]).await.unwrap();
        assert_eq!(alarm.row_id, row.get::<_, String>(0));
        assert_eq!(self.failures(user).await, failures);
    }

    async fn failures(&self, user: &UserFacts) -> i32 {
        let sql = "SELECT cardinality(recent_failures) FROM user_mfa WHERE user_id = $1";
        self.rows.query_one(sql, &[&user.id.uuid()]).await.unwrap().get(0)
    }

    async fn sealed_secret(&self, user: &UserFacts) -> Vec<u8> {
        let sql = "SELECT sealed_secret FROM factor WHERE user_id = $1";
        self.rows.query_one(sql, &[&user.id.uuid()]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn another_users_secret_opens_for_nobody_else() {
    let (fixture, tree) = Fixture::with_tree().await;
    let mine = fixture.enroll(&tree.company_user).await;
    let yours = fixture.enroll(&tree.company_admin).await;
    let swap =
        "UPDATE factor f SET sealed_secret = o.sealed_secret FROM factor o WHERE o.user_id <> f.user_id";
    fixture.tamper(swap, &[]).await;
    fixture.is_refused_and_told(&tree.company_user, &[&mine, &yours], "not_authentic").await;
    fixture.is_refused_and_told(&tree.company_admin, &[&yours, &mine], "not_authentic").await;
    let alarms = fixture.alarms().await;
    assert!(alarms.iter().all(|alarm| alarm.key_id == "ephemeral"));
    // Put right, it is as before.
    fixture.tamper(swap, &[]).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.verify(&sign_in, &mine.code(&fixture)).await.unwrap();
}

#[tokio::test]
async fn the_secret_of_a_phone_that_was_replaced_does_not_come_back() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_user;
    let old = fixture.enroll(user).await;
    fixture.tamper("CREATE TABLE backup AS SELECT * FROM factor", &[]).await;
    let sealed = fixture.sealed_secret(user).await;
    let caller = session_in(user, 1);
    let new = fixture.begin_in(&caller, &old.code(&fixture)).await.unwrap();
    fixture.confirm_in(&caller, &new.code(&fixture)).await.unwrap();
    fixture.acknowledge_in(&caller).await.unwrap();
    fixture.tick(30);

    // The old ciphertext in the new row.
    fixture.tamper("UPDATE factor SET sealed_secret = $1", &[&sealed]).await;
    fixture.is_refused_and_told(user, &[&old, &new], "not_authentic").await;
    // The whole old row, which says itself that it is old; and said to be of now, or of no time at all.
    let whole = "UPDATE factor f SET (factor_id, sealed_secret, factor_generation, last_step) =
        (SELECT factor_id, sealed_secret, factor_generation, last_step FROM backup)";
    fixture.tamper(whole, &[]).await;
    fixture.is_refused_and_told(user, &[&old], "outdated").await;
    for (generation, minutes, cause) in [(Some(2i64), 61, "not_authentic"), (None, 122, "outdated")] {
        fixture.tick(minutes * 60);
        fixture.tamper("UPDATE factor SET factor_generation = $1", &[&generation]).await;
        fixture.is_refused_and_told(user, &[&old], cause).await;
    }
}

#[tokio::test]
async fn a_step_that_was_put_back_makes_no_code_good_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_user;
    let phone = fixture.enroll(user).await;
    let (sealed, sign_in) = (fixture.sealed_secret(user).await, fixture.sign_in(user).await);
    let code = phone.code(&fixture);
    fixture.verify(&sign_in, &code).await.unwrap();
    // The secret is sealed to the step that was accepted.
    assert_ne!(fixture.sealed_secret(user).await, sealed);
    fixture.tamper("UPDATE factor SET last_step = last_step - 1", &[]).await;
    fixture.is_refused_and_told(user, &[&phone], "not_authentic").await;
    fixture.tamper("UPDATE factor SET last_step = last_step + 1, sealed_secret = $1", &[&sealed]).await;
    fixture.tick(61 * 60);
    fixture.is_refused_and_told(user, &[&phone], "not_authentic").await;
}

#[tokio::test]
async fn a_secret_under_an_unknown_key_or_none_is_told_with_its_cause() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_user;
    let phone = fixture.enroll(user).await;
    // The id of the key begins at the third byte.
    fixture.tamper("UPDATE factor SET sealed_secret = set_byte(sealed_secret, 2, ascii('x'))", &[]).await;
    fixture.is_refused_and_told(user, &[&phone], "unknown_key").await;
    assert_eq!(fixture.alarms().await[0].key_id, "xphemeral");
    fixture.tick(61 * 60);
    fixture.tamper("UPDATE factor SET sealed_secret = ''", &[]).await;
    fixture.is_refused_and_told(user, &[&phone], "malformed").await;
}

#[tokio::test]
async fn one_secret_is_told_of_once_an_hour_however_often_it_is_tried() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    fixture.tamper("UPDATE factor SET sealed_secret = ''", &[]).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    for (minutes, told) in [(0, 1), (59, 1), (1, 2), (59, 2), (1, 3)] {
        fixture.tick(minutes * 60);
        for _ in 0..3 {
            let refused = fixture.verify(&sign_in, &phone.code(&fixture)).await;
            assert_eq!(refusal(refused), Reason::Corrupt);
        }
        assert_eq!(fixture.alarms().await.len(), told);
    }
    assert_eq!(fixture.count("secret_alarm").await, 1);
    fixture.tick(60 * 60 * 25);
    fixture.mfa.expire().await.unwrap();
    assert_eq!(fixture.count("secret_alarm").await, 0);
    // What cannot be told is not answered as if it had been.
    fixture.rows.batch_execute("REVOKE INSERT ON secret_alarm FROM countersign_mfa").await.unwrap();
    let refused = fixture.verify(&sign_in, &phone.code(&fixture)).await;
    assert_eq!(refusal(refused), Reason::Internal);
}

#[tokio::test]
async fn a_pending_secret_that_was_exchanged_proves_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (mine, yours) =
        (fixture.sign_in(&tree.company_user).await, fixture.sign_in(&tree.company_admin).await);
    let my_phone = fixture.begin(&mine, "").await.unwrap();
    let your_phone = fixture.begin(&yours, "").await.unwrap();
    let swap = "UPDATE pending_enrollment p SET sealed_secret = o.sealed_secret FROM pending_enrollment o
        WHERE o.user_id <> p.user_id";
    fixture.tamper(swap, &[]).await;
    for phone in [&my_phone, &your_phone] {
        assert_eq!(refusal(fixture.confirm(&mine, &phone.code(&fixture)).await), Reason::Corrupt);
    }
    let alarms = fixture.alarms().await;
    assert_eq!((alarms.len(), alarms[0].table.as_str()), (1, "pending_enrollment"));
    // Exchanged after it was proved.
    fixture.tamper(swap, &[]).await;
    fixture.confirm(&mine, &my_phone.code(&fixture)).await.unwrap();
    fixture.tamper(swap, &[]).await;
    fixture.tick(60 * 10);
    assert_eq!(refusal(fixture.acknowledge(&mine).await), Reason::Corrupt);
    assert_eq!(fixture.count("factor").await, 0);
}

#[tokio::test]
async fn a_kept_answer_that_was_exchanged_is_told_and_not_given() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.reseller_admin);
    let request = |user: &UserFacts, request_id: RequestId| ResetMfaRequest {
        request_id: request_id.to_string(),
        user_id: user.id.to_string(),
        reason: "lost phone".into(),
        ..Default::default()
    };
    let (first, second) = (RequestId::generate(), RequestId::generate());
    let calls = [(&tree.company_user, first), (&tree.company_admin, second)];
    for (user, id) in calls {
        fixture.factors.reset_mfa(by(&caller, request(user, id))).await.unwrap();
    }
    let swap = "UPDATE request_record r SET answer = o.answer FROM request_record o
        WHERE o.request_id <> r.request_id";
    fixture.tamper(swap, &[]).await;
    for (user, id) in calls {
        let refused = fixture.factors.reset_mfa(by(&caller, request(user, id))).await;
        assert_eq!(refusal(refused), Reason::Corrupt);
    }
    let alarms = fixture.alarms().await;
    assert_eq!(alarms.len(), 2);
    assert!(alarms.iter().all(|alarm| alarm.table == "request_record" && alarm.cause == "not_authentic"));
    assert!(alarms[0].row_id.contains(&first.to_string()));
    assert_eq!(fixture.event_types().await.iter().filter(|name| *name == "mfa.factor.reset").count(), 2);
}

impl Fixture {
    /// Makes the only factor one of before secrets were bound to generation and step, and keeps a copy of its row.
    async fn as_an_earlier_version(&self, user: &UserFacts, phone: &Phone) -> Vec<u8> {
        let row = self.rows.query_one("SELECT factor_id::text FROM factor", &[]).await.unwrap();
        let (row, id) = (row.get::<_, String>(0), user.id.to_string());
        let binding = keyring::Binding {
            service: "mfa",
            table: "factor",
            row: &row,
            user: &id,
            purpose: "totp_secret",
        };
        let sealed = self.keyring.seal(&binding, &phone.secret()).unwrap();
        let unbound =
            "UPDATE factor SET sealed_secret = $1, factor_generation = NULL, enroll_event_id = NULL";
        self.tamper(unbound, &[&sealed]).await;
        self.tamper("UPDATE user_mfa SET secret_bound = false WHERE user_id = $1", &[&user.id.uuid()]).await;
        self.tamper("CREATE TABLE earlier AS SELECT * FROM factor", &[]).await;
        sealed
    }

    /// Puts the whole row of that time in the place of the present one.
    async fn restore_the_earlier(&self) {
        let whole =
            "UPDATE factor f SET (factor_id, sealed_secret, factor_generation, last_step, enroll_event_id) =
            (SELECT factor_id, sealed_secret, factor_generation, last_step, enroll_event_id FROM earlier)";
        self.tamper(whole, &[]).await;
    }
}

#[tokio::test]
async fn a_secret_that_an_earlier_version_sealed_opens_and_is_bound_with_its_next_code() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_user;
    let phone = fixture.enroll(user).await;
    let sealed = fixture.as_an_earlier_version(user, &phone).await;
    let sign_in = fixture.sign_in(user).await;
    fixture.verify(&sign_in, &phone.code(&fixture)).await.unwrap();
    let bound = fixture.rows.query_one("SELECT factor_generation FROM factor", &[]).await.unwrap();
    assert_eq!(bound.get::<_, Option<i64>>(0), Some(1));
    fixture.tamper("UPDATE factor SET sealed_secret = $1", &[&sealed]).await;
    fixture.tick(30);
    fixture.is_refused_and_told(user, &[&phone], "not_authentic").await;
    // The row of that time as a whole, with the step of that time: by now it is an old one.
    fixture.tick(61 * 60);
    fixture.restore_the_earlier().await;
    fixture.is_refused_and_told(user, &[&phone], "outdated").await;
}

#[tokio::test]
async fn a_secret_that_an_earlier_version_sealed_does_not_come_back_after_the_phone_was_replaced() {
    let (fixture, tree) = Fixture::with_tree().await;
    let user = &tree.company_user;
    let old = fixture.enroll(user).await;
    fixture.as_an_earlier_version(user, &old).await;
    let caller = session_in(user, 1);
    let new = fixture.begin_in(&caller, &old.code(&fixture)).await.unwrap();
    fixture.confirm_in(&caller, &new.code(&fixture)).await.unwrap();
    fixture.acknowledge_in(&caller).await.unwrap();
    fixture.tick(30);
    fixture.restore_the_earlier().await;
    fixture.is_refused_and_told(user, &[&old], "outdated").await;
}
